"""An export from fetch to manifest, on a store in memory. The child is played by a function that leaves a file."""

import errno
import hashlib
import json
import tarfile
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from truscore.datasets import DatasetIndex, ImageRecord, Split, index_to_json, split_to_json
from truscore.storage import DigestMismatch, MemoryStore, NoSpace, ObjectRef, Stored, StoreUnavailable

from services.exporter.child_process import ChildFault
from services.exporter.exporting import Exporter, ProofSettings
from services.exporter.order import ExportOrder
from services.exporter.release import Artifact, Refusal
from services.exporter.release_store import ReleaseStore
from services.exporter.task import Result, Task

MODEL = b"the model"
PLACE = "s3://truscore/models/border_detection.dual_class.mask_rcnn/run-1/"


class Bench:
    """Counts what it is asked to make, and makes it."""

    def __init__(self, artifact: Artifact, *, refusals: tuple[Refusal, ...] = (), fault: str = "") -> None:
        self.tasks: list[Task] = []
        self.seen: set[bytes] = set()
        self._artifact = replace(artifact, sha256=sha256(MODEL), size_bytes=len(MODEL))
        self._refusals = refusals
        self.raised: Exception | None = ChildFault(fault) if fault else None

    async def __call__(self, task: Task, folder: Path) -> Result:
        self.tasks.append(task)
        self.seen |= contents(task.pictures)
        if self.raised:
            raise self.raised
        if self._refusals:
            return Result(artifacts=(), refusals=self._refusals)
        (folder / "model.onnx").write_bytes(MODEL)
        return Result(artifacts=(self._artifact,), refusals=())


class LyingStore(MemoryStore):
    """Gives other bytes than it took for names that end in `about`."""

    about = ""

    def put_file(self, uri: str, path: Path, **_: object) -> Stored:
        return self._lie(super().put_file(uri, path))

    def put_file_if(self, uri: str, path: Path, *, etag: str, content_type: str = "") -> Stored:
        return self._lie(super().put_file_if(uri, path, etag=etag))

    def _lie(self, stored: Stored) -> Stored:
        if self.about and stored.uri.endswith(self.about):
            self.put(stored.uri, b"rot")
        return stored


class AwayStore(MemoryStore):
    """Does not answer when asked for a checkpoint."""

    def get_file(self, uri: str, path: Path, **kwargs: object) -> Stored:
        if uri.endswith("checkpoint.pt"):
            raise StoreUnavailable(uri, "no answer")
        return super().get_file(uri, path, **kwargs)  # type: ignore[arg-type]


def contents(paths: Iterable[str]) -> set[bytes]:
    return {Path(path).read_bytes() for path in paths}


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def filled(store: MemoryStore, order: ExportOrder) -> ExportOrder:
    """Puts into the store all that the order names."""
    pictures = {f"images/{n}.png": bytes([n]) for n in range(9)}
    records = tuple(
        ImageRecord(path=path, sha256=sha256(data), size_bytes=1, width=1, height=1) for path, data in pictures.items()
    )
    index = DatasetIndex(format="coco", class_names=("outer_border",), images=records)
    split = Split(train=tuple(pictures)[:1], validation=tuple(pictures)[1:], test=(), seed=0)
    for path, data in pictures.items():
        store.put(order.dataset_uri + path, data)
    refer = {
        name: ObjectRef(uri=stored.uri, sha256=stored.sha256)
        for name, stored in {
            "checkpoint": store.put(order.checkpoint.uri, b"weights"),
            "index": store.put(order.index.uri, index_to_json(index).encode()),
            "split": store.put(order.split.uri, split_to_json(split).encode()),
        }.items()
    }
    return replace(order, checkpoint=refer["checkpoint"], index=refer["index"], split=refer["split"])


def exporter_on(store: MemoryStore, bench: Bench, workdir: Path) -> Exporter:
    return Exporter(
        store=store,
        releases=ReleaseStore(store, bucket="truscore"),
        run_child=bench,
        workdir=workdir,
        proof=ProofSettings(parity_pictures=3, benchmark_rounds=1),
    )


async def test_a_release_is_kept_as_model_card_package_and_manifest(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store, bench = MemoryStore(), Bench(artifact)
    outcome = await exporter_on(store, bench, tmp_path).export(filled(store, order))
    assert outcome.release is not None
    package = store.get(PLACE + "package.tar", limit_bytes=1 << 20, sha256=outcome.release.package_sha256)
    with tarfile.open(fileobj=BytesIO(package)) as archive:
        assert {"SHA256SUMS", "contract.json", "manifest.json", "model-card.md", "model.onnx"} < set(archive.getnames())
        inside = archive.extractfile("model.onnx")
        assert inside is not None
        assert inside.read() == MODEL
    assert store.get(PLACE + "model.onnx", limit_bytes=99) == MODEL
    assert b"border_detection.dual_class.mask_rcnn" in store.get(PLACE + "model-card.md", limit_bytes=1 << 20)
    manifest = json.loads(store.get(PLACE + "manifest.json", limit_bytes=1 << 20))
    assert manifest["artifacts"][0]["sha256"] == sha256(MODEL)
    assert is_empty(tmp_path)


async def test_artefacts_are_proved_on_images_of_the_validation_split_only(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store, bench = MemoryStore(), Bench(artifact)
    await exporter_on(store, bench, tmp_path).export(filled(store, order))
    assert len(bench.seen) == 3
    assert bench.seen <= {bytes([n]) for n in range(1, 9)}


async def test_what_was_made_before_is_answered_again_and_not_made_again(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store, bench = MemoryStore(), Bench(artifact)
    exporter, named = exporter_on(store, bench, tmp_path), filled(store, order)
    first, second = await exporter.export(named), await exporter.export(named)
    assert first == second
    assert len(bench.tasks) == 1


async def test_another_checkpoint_or_a_manifest_that_is_broken_is_made_anew(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store, bench = MemoryStore(), Bench(artifact)
    exporter, named = exporter_on(store, bench, tmp_path), filled(store, order)
    await exporter.export(named)
    other = store.put("s3://runs/other.pt", b"other weights")
    await exporter.export(replace(named, checkpoint=ObjectRef(uri=other.uri, sha256=other.sha256)))
    store.put(PLACE + "manifest.json", b"{")
    await exporter.export(named)
    assert len(bench.tasks) == 3


async def test_no_manifest_is_left_where_an_upload_does_not_read_back_as_it_was_written(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    for about in ("model.onnx", "package.tar"):
        store = LyingStore()
        named = filled(store, order)
        store.about = about
        with pytest.raises(DigestMismatch, match=about):
            await exporter_on(store, Bench(artifact), tmp_path).export(named)
        assert store.stat(PLACE + "manifest.json") is None


async def test_only_unknown_formats_are_refused_without_any_work(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    bench = Bench(artifact)
    outcome = await exporter_on(MemoryStore(), bench, tmp_path).export(replace(order, formats=("stone",)))
    assert outcome.release is None
    assert [refusal.code for refusal in outcome.refusals] == ["unsupported_format"]
    assert not bench.tasks


async def test_a_known_format_is_made_beside_an_unknown_one_and_both_are_remembered(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store, bench = MemoryStore(), Bench(artifact)
    named = replace(filled(store, order), formats=("stone", "onnx"))
    exporter = exporter_on(store, bench, tmp_path)
    first, again = await exporter.export(named), await exporter.export(named)
    assert first == again
    assert first.release is not None
    assert [(refusal.format, refusal.code) for refusal in first.refusals] == [("stone", "unsupported_format")]


async def test_a_refusal_of_the_child_is_an_answer_and_leaves_nothing_in_the_store(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store, parity = MemoryStore(), Refusal(format="onnx", code="parity", message="boxes differ by 3")
    outcome = await exporter_on(store, Bench(artifact, refusals=(parity,)), tmp_path).export(filled(store, order))
    assert outcome.release is None
    assert outcome.refusals == (parity,)
    assert list(store.list("s3://truscore/models/")) == []


async def test_a_fault_of_the_child_is_raised_and_its_folder_is_gone(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store = MemoryStore()
    with pytest.raises(ChildFault, match="died"):
        await exporter_on(store, Bench(artifact, fault="died"), tmp_path).export(filled(store, order))
    assert is_empty(tmp_path)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (ChildFault("the export took longer than 5 s", code="time_limit"), "time_limit"),
        (ChildFault("the export took 9 bytes of memory", code="memory_limit"), "memory_limit"),
        (ChildFault("the disk is full", code="disk_full"), "disk_full"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (NoSpace("s3://runs/checkpoint.pt", "cannot be written"), "disk_full"),
    ],
)
async def test_an_export_that_runs_out_of_something_is_an_answer_with_a_code_and_the_next_order_works(
    fault: Exception, code: str, order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store, bench = MemoryStore(), Bench(artifact)
    exporter, named = exporter_on(store, bench, tmp_path), filled(store, order)
    bench.raised = fault
    outcome = await exporter.export(named)
    assert [(refusal.format, refusal.code) for refusal in outcome.refusals] == [("onnx", code)]
    assert is_empty(tmp_path)
    bench.raised = None
    assert (await exporter.export(named)).release is not None


@pytest.mark.parametrize(
    ("gone", "code"),
    [
        ("s3://runs/checkpoint.pt", "checkpoint_missing"),
        ("s3://runs/index.json", "index_missing"),
        ("s3://runs/split.json", "split_missing"),
        ("s3://cards/v1/images/1.png", "validation_image_missing"),
    ],
)
async def test_an_object_that_is_gone_is_an_answer_that_names_it(
    gone: str, code: str, order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store = MemoryStore()
    named = filled(store, order)
    store.delete(gone)
    outcome = await exporter_on(store, Bench(artifact), tmp_path).export(named)
    assert [(refusal.format, refusal.code) for refusal in outcome.refusals] == [("onnx", code)]
    assert gone in outcome.refusals[0].message


async def test_a_checkpoint_with_other_bytes_than_were_announced_is_refused_as_corrupt(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store, bench = MemoryStore(), Bench(artifact)
    named = filled(store, order)
    store.put(named.checkpoint.uri, b"other")
    outcome = await exporter_on(store, bench, tmp_path).export(named)
    assert [refusal.code for refusal in outcome.refusals] == ["checkpoint_corrupt"]
    assert not bench.tasks


async def test_an_index_whose_paths_climb_out_of_the_dataset_is_refused(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store = MemoryStore()
    named = filled(store, order)
    record = ImageRecord(path="../../other/secret.png", sha256="a" * 64, size_bytes=1, width=1, height=1)
    index = store.put(
        named.index.uri, index_to_json(DatasetIndex(format="coco", class_names=("a",), images=(record,))).encode()
    )
    split = store.put(
        named.split.uri,
        split_to_json(Split(train=(), validation=(record.path,), test=(), seed=0)).encode(),
    )
    climbing = replace(
        named,
        index=ObjectRef(uri=index.uri, sha256=index.sha256),
        split=ObjectRef(uri=split.uri, sha256=split.sha256),
    )
    outcome = await exporter_on(store, Bench(artifact), tmp_path).export(climbing)
    assert [refusal.code for refusal in outcome.refusals] == ["validation_image_address"]


async def test_a_store_that_is_away_is_a_fault_and_not_an_answer(
    order: ExportOrder, artifact: Artifact, tmp_path: Path
) -> None:
    store = AwayStore()
    named = filled(store, order)
    with pytest.raises(StoreUnavailable):
        await exporter_on(store, Bench(artifact), tmp_path).export(named)
