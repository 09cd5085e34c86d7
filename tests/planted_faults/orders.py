"""Faults of orders, of what lies at their address, and of reading it: planted one at a time, and the like without."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from truscore.storage import Entry, MemoryStore
from truscore.validation import DatasetOrder, Finding, Policy, check_order, finding
from truscore.validation.catalogue import BY_ID

from services.dataset_validator.job import INDEX, OUTCOME, PAGE, REPORT, Job, ReaderResult, result_to_json
from services.dataset_validator.listing import build_listing, list_dataset
from services.dataset_validator.reader_process import read_in_child
from services.dataset_validator.validator import Bounds, Validator
from services.dataset_validator.verdict_store import VerdictStore

Random = np.random.Generator
Rules = set[str]
PREFIX = "s3://cards/sets/one/"
SOUND = {"category": "border_detection", "option": "dual_class", "uri": PREFIX}


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderFault:
    """Rules that find something where the fault is planted (`faulty`), and where it is not."""

    rules: Callable[[Random, bool], Rules]


def words(change: Callable[[Random], dict[str, Any]]) -> OrderFault:
    """A fault in the order's own words."""

    def rules(random: Random, faulty: bool) -> Rules:
        names = {
            "dataset_id": f"cards-{random.integers(9999)}",
            "version": f"v{random.integers(99)}.{random.integers(9)}",
        }
        plain = {
            **SOUND,
            **names,
            "request_id": f"r {random.integers(999)}",
            "class_names": ("a", f"b{random.integers(9)}"),
        }
        return {one.rule for one in check_order(DatasetOrder(**{**plain, **(change(random) if faulty else {})}))}

    return OrderFault(rules=rules)


def one_of(random: Random, *values: Any) -> Any:
    return values[int(random.integers(len(values)))]


def _setting(random: Random) -> dict[str, Any]:
    optimization = one_of(
        random, {"learning_rage": 1.0}, {"learning_rate": -1.0}, {"batch_size": "many"}, {"lr_scheduler": "zigzag"}
    )
    return {"overrides": {"hyperparameters": {"optimization": optimization}}}


def _filled(random: Random) -> MemoryStore:
    store = MemoryStore()
    for number in range(int(random.integers(3, 9))):
        store.put(f"{PREFIX}images/{number}.png", random.bytes(50))
    return store


def nothing_there(random: Random, faulty: bool) -> Rules:
    store = MemoryStore(buckets=one_of(random, [], ["cards"])) if faulty else _filled(random)
    return {one.rule for one in list_dataset(store, PREFIX, most_objects=99, most_bytes=10**6).problems}


def too_large(random: Random, faulty: bool) -> Rules:
    most_objects, most_bytes = one_of(random, (2, 10**6), (99, 100)) if faulty else (99, 10**6)
    store = _filled(random)
    return {one.rule for one in list_dataset(store, PREFIX, most_objects=most_objects, most_bytes=most_bytes).problems}


def unsafe_key(random: Random, faulty: bool) -> Rules:
    number = random.integers(99)
    odd = one_of(
        random, f"../{number}.png", f"a//{number}.png", f"a\n{number}.png", "x" * 300, f"a\\{number}.png", "./a"
    )
    keys = [f"images/{number}.png", f"labels/{number}.txt", *([odd] if faulty else [])]
    entries = [Entry(uri=PREFIX + key, size_bytes=9, etag="e") for key in keys]
    return {one.rule for one in build_listing(entries, prefix=PREFIX, most_bytes=10**6).problems}


class _Moving(MemoryStore):
    """Changes in some way while it is read."""

    def __init__(self, change: Callable[[MemoryStore], None] | None) -> None:
        super().__init__()
        self._change = change

    def get_file(self, uri: str, path: Path, **how: Any) -> Any:
        change, self._change = self._change, None
        if change is not None:
            change(self)
        return super().get_file(uri, path, **how)


def changed_meanwhile(random: Random, faulty: bool) -> Rules:
    change = one_of(
        random,
        lambda store: store.put(f"{PREFIX}images/late.png", b"late"),
        lambda store: store.delete(f"{PREFIX}images/{one_of(random, 0, 1, 2)}.png"),
        lambda store: store.put(f"{PREFIX}images/{one_of(random, 0, 1, 2)}.png", random.bytes(70)),
    )
    store = _Moving(change if faulty else None)
    for number in range(3):
        store.put(f"{PREFIX}images/{number}.png", random.bytes(50))
    bounds = Bounds(most_objects=99, most_bytes=10**6, memory_bytes=2**30, timeout_s=9)
    with tempfile.TemporaryDirectory() as folder:
        validator = Validator(
            store=store,
            verdict_store=VerdictStore(store=store, bucket="out"),
            workdir=Path(folder),
            bounds=bounds,
            read=_answered,
        )
        evaluated = asyncio.run(validator.validate(DatasetOrder(**SOUND, dataset_id="one", version="v1")))
    return {one.rule for one in evaluated.findings}


def version_changed(random: Random, faulty: bool) -> Rules:
    """An accepted version ordered once more, with a file that was added, replaced, or taken away."""
    change = one_of(
        random,
        lambda store: store.put(f"{PREFIX}images/late.png", b"late"),
        lambda store: store.delete(f"{PREFIX}images/{one_of(random, 0, 1, 2)}.png"),
        lambda store: store.put(f"{PREFIX}images/{one_of(random, 0, 1, 2)}.png", random.bytes(50)),
    )
    store = _filled(random)
    bounds = Bounds(most_objects=99, most_bytes=10**6, memory_bytes=2**30, timeout_s=9)
    with tempfile.TemporaryDirectory() as folder:
        validator = Validator(
            store=store,
            verdict_store=VerdictStore(store=store, bucket="out"),
            workdir=Path(folder),
            bounds=bounds,
            read=_accepted,
        )
        asyncio.run(validator.validate(DatasetOrder(**SOUND, dataset_id="one", version="v1")))
        if faulty:
            change(store)
        again = asyncio.run(validator.validate(DatasetOrder(**SOUND, dataset_id="one", version="v1")))
    return {one.rule for one in again.findings}


async def _accepted(_job: Job, folder: Path, *, timeout_s: float, on_progress: Any = None) -> ReaderResult | Finding:
    for name in (REPORT, PAGE, INDEX):
        (folder / name).write_text("{}")
    return ReaderResult(image_count=3, dataset_digest="d")


async def _answered(_job: Job, _folder: Path, *, timeout_s: float, on_progress: Any = None) -> ReaderResult | Finding:
    return finding(BY_ID["format.empty"], f"read within {timeout_s:g} s")


def ended(*programs: str, timeout_s: float = 30.0) -> OrderFault:
    """A reader that ends as one of these programs do, beside one that ends well."""

    def rules(random: Random, faulty: bool) -> Rules:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / OUTCOME).write_text(result_to_json(ReaderResult(image_count=1)))
            job = Job(
                folder=name, format="", category="", option="", class_names=(), policy=Policy(),
                memory_bytes=2**31, workers=1,
            )  # fmt: skip
            command = (sys.executable, "-I", "-S", "-c", one_of(random, *programs) if faulty else "")
            found = asyncio.run(read_in_child(job, folder, timeout_s=timeout_s if faulty else 60.0, command=command))
        return {found.rule} if isinstance(found, Finding) else set()

    return OrderFault(rules=rules)


_DIE = "import os, signal; os.kill(os.getpid(), signal.{})"

ORDERS: Mapping[str, OrderFault] = {
    "order.dataset_id": words(
        lambda random: {one_of(random, "dataset_id", "version"): one_of(random, "", "../x", "a b", "é")}
    ),
    "order.request_id": words(lambda random: {"request_id": one_of(random, "a\nb", "x" * 201, "\x00")}),
    "order.category": words(lambda random: {"category": one_of(random, "", "moon_detection", "Border_Detection")}),
    "order.option": words(lambda random: {"option": one_of(random, "", "triple_class", "dual-class")}),
    "order.architecture": words(lambda random: {"architecture": one_of(random, "perceptron", "mask rcnn", "yolo99")}),
    "order.config": words(_setting),
    "order.format": words(lambda random: {"format": one_of(random, "tfrecord", "COCO", "kitti")}),
    "order.export_format": words(lambda random: {"export_formats": ("onnx", one_of(random, "coreml", "ONNX", ""))}),
    "order.class_names": words(lambda random: {"class_names": one_of(random, ("a", "a"), ("a", " "), ("",))}),
    "order.uri": words(lambda random: {"uri": one_of(random, "", "s3://bucket", "https://bucket/x/", "s3://b/../x/")}),
    "order.nothing_there": OrderFault(rules=nothing_there),
    "order.too_large": OrderFault(rules=too_large),
    "order.unsafe_key": OrderFault(rules=unsafe_key),
    "order.changed_meanwhile": OrderFault(rules=changed_meanwhile),
    "order.version_changed": OrderFault(rules=version_changed),
    "order.reader_crashed": ended(_DIE.format("SIGSEGV"), _DIE.format("SIGABRT"), _DIE.format("SIGBUS")),
    "order.reader_limits": ended("import sys; sys.stdin.read()", timeout_s=0.2),
}
