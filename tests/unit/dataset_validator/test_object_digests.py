"""Which content an object had: remembered by address, size and ETag, within a bound, and never in the way."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from services.dataset_validator.digests import ObjectDigests
from services.dataset_validator.listing import ListedObject


def listed(number: int, *, etag: str = "e") -> ListedObject:
    return ListedObject(path=f"{number}", uri=f"s3://bucket/{number}", size_bytes=number, etag=etag)


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def noted(file: Path, numbers: range, *, limit_bytes: int = 2**30, now_s: float = 0.0) -> ObjectDigests:
    digests = ObjectDigests(file, limit_bytes=limit_bytes, now_s=lambda: now_s)
    digests.put([listed(number) for number in numbers], {f"s3://bucket/{number}": digest(number) for number in numbers})
    return digests


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "digests.sqlite"


def test_an_object_is_known_by_address_size_and_etag_together(file: Path) -> None:
    noted(file, range(2000))
    known = ObjectDigests(file).get([listed(number) for number in range(1000, 3000)])
    assert known == {f"s3://bucket/{number}": digest(number) for number in range(1000, 2000)}
    others = [replace(listed(1), **{name: value}) for name, value in (("uri", "x"), ("size_bytes", 9), ("etag", "f"))]
    assert ObjectDigests(file).get(others) == {}


def test_an_object_without_an_etag_is_neither_noted_nor_known(file: Path) -> None:
    nameless = listed(1, etag="")
    ObjectDigests(file).put([nameless], {nameless.uri: digest(1)})
    assert ObjectDigests(file).get([nameless]) == {}


def test_what_is_noted_later_replaces_what_was_known(file: Path) -> None:
    noted(file, range(1)).put([listed(0)], {listed(0).uri: digest(7)})
    assert ObjectDigests(file).get([listed(0)]) == {listed(0).uri: digest(7)}


def test_the_file_stays_within_its_bound_and_what_was_used_last_stays(file: Path) -> None:
    for turn in range(10):
        noted(file, range(200 * turn, 200 * (turn + 1)), limit_bytes=60_000, now_s=turn)
    known = ObjectDigests(file).get([listed(number) for number in range(2000)])
    assert 200 <= len(known) < 2000
    assert listed(1999).uri in known
    assert listed(0).uri not in known


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be taken for one" * 100])
def test_a_damaged_file_is_as_none_and_begun_anew(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    assert ObjectDigests(file).get([listed(0)]) == {}
    assert noted(file, range(1)).get([listed(0)])


def test_a_file_that_was_cut_off_or_overwritten_in_the_middle_is_as_none_and_begun_anew(file: Path) -> None:
    noted(file, range(2000))
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(os.urandom(file.stat().st_size - 4096))
    assert ObjectDigests(file).get([listed(number) for number in range(2000)]) == {}
    assert noted(file, range(1)).get([listed(0)])


def test_a_value_that_is_no_digest_is_not_known(file: Path) -> None:
    noted(file, range(3))
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("update digests set sha256 = 'text'")
    assert ObjectDigests(file).get([listed(0)]) == {}


def test_a_file_that_cannot_be_opened_is_as_none(tmp_path: Path) -> None:
    digests = noted(tmp_path, range(1))  # a folder
    assert digests.get([listed(0)]) == {}
    assert tmp_path.is_dir()


NOTING = """
import sys
from pathlib import Path
from services.dataset_validator.digests import ObjectDigests
from services.dataset_validator.listing import ListedObject
first = int(sys.argv[2])
for number in range(first, first + 50):
    one = ListedObject(path="p", uri=f"s3://bucket/{number}", size_bytes=number, etag="e")
    ObjectDigests(Path(sys.argv[1])).put([one], {one.uri: f"{number:064x}"})
"""


def test_several_processes_write_at_once_and_nothing_is_lost(file: Path) -> None:
    workers = [subprocess.Popen([sys.executable, "-c", NOTING, str(file), str(50 * one)]) for one in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    known = ObjectDigests(file).get([listed(number) for number in range(150)])
    assert known == {f"s3://bucket/{number}": f"{number:064x}" for number in range(150)}
