"""`truscore versions`, and what an upload may not write over: on a store in memory."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from truscore.dataset_versions import DatasetVersion, bind_version, folder_digest
from truscore.storage import MemoryStore
from truscore.storage.errors import StoreUnavailable

from services.cli import app
from services.cli.context import CommandContext

ORDER = ("-c", "border_detection", "-o", "dual_class", "--id", "cards", "--version", "1")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    memory = MemoryStore()
    monkeypatch.setattr(CommandContext, "store", lambda _context: memory)
    monkeypatch.setenv("TRUSCORE_AMQP_URL", "amqp://guest@127.0.0.1:1/")
    return memory


def version(**changes: object) -> DatasetVersion:
    sound = DatasetVersion(
        dataset_id="cards",
        version="1",
        digest="ab" * 32,
        accepted=True,
        image_count=8,
        validated_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        uri="s3://truscore/datasets/cards/1/",
    )
    return dataclasses.replace(sound, **changes)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        app.main(list(arguments))
    return int(ended.value.code or 0)


def test_versions_are_listed_with_digest_images_time_and_verdict(
    store: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    later = datetime(2026, 2, 3, tzinfo=UTC)
    bind_version(store, "truscore", version(version="0", validated_at=later, digest="cd" * 32, accepted=False))
    bind_version(store, "truscore", version())
    bind_version(store, "truscore", version(dataset_id="cards2"))
    assert run("versions", "cards") == 0
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert first.split() == ["1", "ab" * 32, "8", "2026-01-02", "03:04", "accepted"]
    assert second.split() == ["0", "cd" * 32, "8", "2026-02-03", "00:00", "rejected"]
    assert run("versions", "cards", "--json") == 0
    assert [one["digest"] for one in json.loads(capsys.readouterr().out)] == ["ab" * 32, "cd" * 32]


def test_a_dataset_that_was_never_validated_is_named(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("versions", "nothing") == 4
    assert "'nothing'" in capsys.readouterr().err


def test_an_upload_over_an_accepted_version_is_refused_before_a_byte_is_written(
    store: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/one.txt").write_text("one")
    bind_version(store, "truscore", version())
    assert run("submit", str(tmp_path / "cards"), *ORDER) == 2
    error = capsys.readouterr().err
    assert "ab" * 32 in error
    assert folder_digest(tmp_path / "cards") in error
    assert list(store.list("s3://truscore/datasets/cards/1/")) == []


@pytest.mark.parametrize("kept", ["the same content", "rejected"])
def test_the_same_content_and_a_rejected_version_are_uploaded(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/one.txt").write_text("one")
    same = folder_digest(tmp_path / "cards")
    bind_version(store, "truscore", version(digest=same) if kept == "the same content" else version(accepted=False))

    # Nothing is published: the upload is what this is about.
    def unreachable(*_arguments: object, requested_by: str) -> str:
        raise StoreUnavailable("amqp", "not here")

    monkeypatch.setattr("services.cli.handlers.publish.announce", unreachable)
    with pytest.raises(StoreUnavailable):
        app.main(["submit", str(tmp_path / "cards"), *ORDER])
    assert [entry.uri for entry in store.list("s3://truscore/datasets/cards/1/")] == [
        "s3://truscore/datasets/cards/1/one.txt"
    ]
