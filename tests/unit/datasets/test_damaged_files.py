"""Every reader takes files of its format that are cut, garbled or hold absurd numbers: it returns, within bounds."""

import re
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks_in_files import NAMES, WRITTEN
from truscore.datasets import FORMATS, read_dataset

DEADLINE_S = 20.0
MOST_BYTES = 64 * 2**20
NUMBER = re.compile(rb"(?<![\w.#])-?\d+(?:\.\d+)?")
ABSURD = (b"1000000000000", b"-1", b"1e308", b"NaN", b"0", b"2147483648", b"0.5", b"99999999")
PICTURES = {".png", ".jpg", ".bmp"}  # damage of pictures: test_images.py


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """The content of a file with one to three faults in it."""
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["cut", "bytes", "number", "number", "lines", "deep"]))
        at = draw(st.integers(0, len(content)))
        if kind == "cut":
            content = content[:at]
        elif kind == "bytes":
            content = content[:at] + draw(st.binary(max_size=8)) + content[at + draw(st.integers(0, 8)) :]
        elif kind == "number" and (numbers := list(NUMBER.finditer(content))):
            number = draw(st.sampled_from(numbers))
            content = content[: number.start()] + draw(st.sampled_from(ABSURD)) + content[number.end() :]
        elif kind == "lines":
            lines = content.splitlines(keepends=True)
            content = b"".join(draw(st.permutations(lines)) if len(lines) < 9 else lines[at % len(lines) :])
        elif kind == "deep":
            content = content[:at] + draw(st.sampled_from([b"[", b'{"a":', b"<a>"])) * 5000 + content[at:]
    return content


@contextmanager
def within_bounds() -> Iterator[None]:
    """A deadline that ends what hangs, and a bound for what Python allocates meanwhile."""

    def late(*_: object) -> None:
        raise TimeoutError(f"the reader did not return within {DEADLINE_S:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE_S)
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert peak < MOST_BYTES, f"{peak / 2**20:.0f} MiB at once for files of a few kilobytes"


@pytest.mark.parametrize("format", sorted(FORMATS))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_are_read_within_bounds_or_named(format: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        WRITTEN[format].write(folder, [["good"] for _ in NAMES])
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in PICTURES)
        if not files:  # the folder's names are all that the format has
            return
        path = data.draw(st.sampled_from(files))
        sound = path.read_bytes()
        damaged = data.draw(damage(sound))
        path.write_bytes(damaged)
        with within_bounds():
            reading = read_dataset(folder, format=format)
        assert reading.index is not None or reading.problems
