"""A checkpoint in shards comes into the store part by part, and is named there only once it is whole."""

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from truscore.storage import DigestMismatch, MemoryStore

from services.trainer.journal import CheckpointWritten, Journal, Shard, records_of
from services.trainer.run_store.attempts import Attempts
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.stored_uploads import StoredUploads
from services.trainer.run_store.uploads import LATEST, Uploads, fetch_shards, needed_objects, read_pointer
from services.trainer.runs.journal_relay import Position

KEYS = RunKeys(bucket="truscore", run_id="run-1")


def written(folder: Path, step: int, *, best: bool = False) -> CheckpointWritten:
    """Write a checkpoint of two shards, as the processes of a run do."""

    def put(path: str, content: bytes) -> Shard:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        return Shard(path=path, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))

    shards = tuple(
        put(f"checkpoints/shards-{step}/{part}.safetensors", f"{part} of {step}".encode()) for part in (1, 2)
    )
    file = put("checkpoints/latest.pt", f"file of {step}".encode())
    return CheckpointWritten(
        path=file.path, sha256=file.sha256, size_bytes=file.size_bytes, epoch=step, step=step, best=best, shards=shards
    )


def uploads_of(store: MemoryStore, folder: Path, kind: type[Uploads] = Uploads) -> Uploads:
    attempts = Attempts(store, KEYS)
    attempt = attempts.take(owner="one", host="here", now=datetime(2026, 1, 1, tzinfo=UTC))
    return kind(store=store, keys=KEYS, attempts=attempts, attempt=attempt, folder=folder)


def keep(uploads: Uploads, checkpoint: CheckpointWritten) -> bool:
    return uploads.keep(checkpoint, relayed=Position(), prune=True)


def objects(store: MemoryStore) -> set[str]:
    return {
        entry.uri for entry in store.list(KEYS.checkpoints, limit=100) if entry.uri.endswith((".pt", ".safetensors"))
    }


def test_another_host_goes_on_from_shards_that_the_pointer_names(tmp_path: Path) -> None:
    store, here, there = MemoryStore(), tmp_path / "here", tmp_path / "there"
    checkpoint = written(here, 1)
    assert keep(uploads_of(store, here), checkpoint)
    pointer = read_pointer(store, KEYS, LATEST)
    assert pointer is not None
    assert pointer.shards == checkpoint.shards
    fetch_shards(store, KEYS, pointer.shards, there)
    for shard in checkpoint.shards:
        assert (there / shard.path).read_bytes() == (here / shard.path).read_bytes()


def test_superseded_shards_are_pruned_and_the_best_file_stays(tmp_path: Path) -> None:
    store = MemoryStore()
    uploads = uploads_of(store, tmp_path)
    best = written(tmp_path, 1, best=True)
    assert keep(uploads, best)
    latest = written(tmp_path, 2)
    assert keep(uploads, latest)
    assert objects(store) == needed_objects(store, KEYS)
    assert objects(store) == {
        KEYS.checkpoint(best.sha256), KEYS.checkpoint(latest.sha256), *(KEYS.shard(s.sha256) for s in latest.shards)
    }  # fmt: skip


@pytest.mark.parametrize("lost", ["a shard", "all of them", "a shard's bytes"])
def test_the_pointer_stays_where_a_part_was_replaced_meanwhile(tmp_path: Path, lost: str) -> None:
    store = MemoryStore()
    uploads = uploads_of(store, tmp_path)
    assert keep(uploads, written(tmp_path, 1))
    before = read_pointer(store, KEYS, LATEST)
    late = written(tmp_path, 2)
    if lost == "all of them":
        shutil.rmtree((tmp_path / late.shards[0].path).parent)
    elif lost == "a shard":
        (tmp_path / late.shards[1].path).unlink()
    else:
        (tmp_path / late.shards[1].path).write_bytes(b"torn")
    assert not keep(uploads, late)
    assert read_pointer(store, KEYS, LATEST) == before
    assert before is not None
    assert needed_objects(store, KEYS) <= objects(store)


def test_a_service_beside_pods_waits_for_each_shard(tmp_path: Path) -> None:
    store, checkpoint = MemoryStore(), written(tmp_path, 1)
    service = uploads_of(store, tmp_path / "service", StoredUploads)
    service.note([checkpoint])
    store.put_file(KEYS.checkpoint(checkpoint.sha256), tmp_path / checkpoint.path)
    store.put_file(KEYS.shard(checkpoint.shards[0].sha256), tmp_path / checkpoint.shards[0].path)
    assert not keep(service, checkpoint)
    store.put_file(KEYS.shard(checkpoint.shards[1].sha256), tmp_path / checkpoint.shards[1].path)
    assert keep(service, checkpoint)


def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    shard = Shard(path="checkpoints/../../out", sha256="0" * 64, size_bytes=1)
    with pytest.raises(DigestMismatch, match="outside the run's folder"):
        fetch_shards(MemoryStore(), KEYS, [shard], tmp_path / "run")


def test_the_journal_gives_shards_back(tmp_path: Path) -> None:
    checkpoint = written(tmp_path, 1)
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.append(checkpoint)
    assert list(records_of(tmp_path / "journal.jsonl")) == [checkpoint]
