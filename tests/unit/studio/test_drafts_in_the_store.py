"""Drafts that went to the store come back as they were at the last upload, whatever happened between."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.storage import MemoryStore, StoreUnavailable
from truscore.storage.store import Stored

from services.studio.backup.changed_rows import UPLOADED, ChangedRows
from services.studio.backup.restoring import Restore, RestoreRefused
from services.studio.backup.segments import file_uri, prefix, segment_to_bytes, uri_of
from services.studio.backup.uploader import Uploader, uploading
from services.studio.backup.wiring import create_changed_rows
from services.studio.database.sqlite import SqliteDatabase
from services.studio.drafts.dataset import new_draft
from services.studio.drafts.files import Files
from services.studio.drafts.journal import Batch, Journal
from services.studio.drafts.readings import Readings
from services.studio.drafts.store import DraftStore, Version
from services.studio.publish.contents import VersionContents

BUCKET = "truscore"
ROW = {"category": "border_detection", "option": "dual_class", "architecture": "mask_rcnn"}


class LosesAnswers(MemoryStore):
    """A store whose answers to some writes are lost: what was sent is there."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    def put_if(self, uri: str, data: bytes, *, etag: str, content_type: str = "application/octet-stream") -> Stored:
        stored = super().put_if(uri, data, etag=etag, content_type=content_type)
        if self.lost:
            self.lost -= 1
            raise StoreUnavailable(uri, "the answer was lost")
        return stored


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDrafts:
    """A studio's drafts, and what uploads them."""

    database: SqliteDatabase
    rows: ChangedRows
    files: Files
    drafts: DraftStore
    uploader: Uploader

    def images(self) -> list[tuple[str, int]]:
        return [
            (each.draft.dataset_id, image.image_id)
            for each in self.drafts.list()
            for image in self.drafts.images(each.draft.dataset_id)
        ]

    def content(self) -> dict[str, list[Any]]:
        with self.database.reading() as rows:
            return {table: sorted(rows.execute(f"SELECT * FROM {table}").fetchall()) for table in UPLOADED}


@contextmanager
def open_drafts(folder: Path, store: MemoryStore, *, at_s: int = 1_000_000_000, **bounds: int) -> Iterator[OpenDrafts]:
    database, files = SqliteDatabase(folder / "studio.sqlite"), Files(root=folder)
    rows = create_changed_rows(database)
    moments = iter(range(at_s, 2_000_000_000))
    uploader = Uploader(
        rows=rows, files=files, store=store, bucket=BUCKET, clock=lambda: float(next(moments)), **bounds
    )
    drafts = DraftStore(database, clock=lambda: 1.5, most_images=100)
    yield OpenDrafts(database=database, rows=rows, files=files, drafts=drafts, uploader=uploader)
    database.close()


def add_draft(at: OpenDrafts, number: int) -> None:
    name = f"cards-{number}"
    if name not in {each.draft.dataset_id for each in at.drafts.list()}:
        at.drafts.add(
            new_draft(dataset_id=name, **ROW, class_names=["outer", "inner"], created_at=number, created_by="ada")
        )


def add_image(at: OpenDrafts, number: int) -> None:
    content = f"picture {number}".encode()
    digest = hashlib.sha256(content).hexdigest()
    record = ImageRecord(path=f"{number}.png", sha256=digest, size_bytes=len(content), width=100, height=200)
    for each in at.drafts.list():
        if digest not in {image.sha256 for image in at.drafts.images(each.draft.dataset_id)}:
            for path in (at.files.image(digest), at.files.preview(digest)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            at.drafts.add_image(each.draft.dataset_id, record)
            return


def edit(at: OpenDrafts, number: int) -> None:
    shape = {"id": f"s{number}", "kind": "box", "label": 1, "points": [1, 2, 3 + number % 50, 9]}
    for dataset_id, image_id in at.images()[:1]:
        journal, readings = Journal(at.database, clock=lambda: 2.5), Readings(at.database, clock=lambda: 2.5)
        revision, _ = journal.open(dataset_id, image_id)
        batch = Batch(base=revision, batch_id=f"{number}-{revision}", operations=[{"op": "put", "shape": shape}])
        journal.save(dataset_id, image_id, batch, author="ada")
        mine, _ = readings.open(dataset_id, image_id, "bob")
        readings.save(
            dataset_id,
            image_id,
            Batch(base=mine, batch_id=batch.batch_id, operations=batch.operations),
            annotator="bob",
        )


def publish(at: OpenDrafts, number: int) -> None:
    for each in at.drafts.list()[:1]:
        name = each.draft.dataset_id
        about = {"uri": "s3://b/x/", "format": "truscore", "notes": "", "state": "uploading", "message": ""}
        at.drafts.put_version(
            Version(dataset_id=name, version=f"{number % 2}", images=1, marks=2, at=number, author="ada", **about)
        )
        index = DatasetIndex(format="truscore", class_names=("outer",), images=())
        VersionContents(at.database).keep(name, f"{number % 2}", index)


def remove_image(at: OpenDrafts, _: int) -> None:
    for dataset_id, image_id in at.images()[:1]:
        at.drafts.remove_image(dataset_id, image_id)


def remove_draft(at: OpenDrafts, _: int) -> None:
    for each in at.drafts.list()[:1]:
        at.drafts.remove(each.draft.dataset_id)


ACTIONS: tuple[Callable[[OpenDrafts, int], None], ...] = (
    add_draft, add_image, add_image, edit, edit, publish, remove_image, remove_draft,
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from((*ACTIONS, "upload", "lost")), st.integers(0, 3)), max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.sampled_from([1, 3, 5000]), st.sampled_from([2, 10_000]))
def test_what_was_uploaded_last_comes_back(steps: list[Any], most_rows: int, most_segments: int) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        store = LosesAnswers()
        with open_drafts(Path(one), store, most_rows=most_rows, most_segments=most_segments) as at:
            for step in [(add_draft, 0), (add_image, 0), *steps]:
                act, number = step
                if act == "upload":
                    at.uploader.upload()
                elif act == "lost":
                    store.lost = 1
                    with suppress(StoreUnavailable):
                        at.uploader.upload()
                    store.lost = 0
                else:
                    act(at, number)
            at.uploader.upload()
            assert at.uploader.upload() == 0, "nothing changed"
            before = at.content()
            digests = {image.sha256 for each in at.drafts.list() for image in at.drafts.images(each.draft.dataset_id)}
        if not names(store):
            assert before["drafts"] == []  # and there never were any
            return
        with open_drafts(Path(other), store) as again:
            found = Restore(store, BUCKET).into(again.rows, again.files)
            assert again.content() == before
            assert (found.images, found.missing) == (len(digests), ())
            for digest in digests:
                assert hashlib.sha256(again.files.image(digest).read_bytes()).hexdigest() == digest
                assert again.files.preview(digest).exists()


def filled(folder: Path, store: MemoryStore, *, segments: int = 3) -> None:
    with open_drafts(folder, store) as at:
        add_draft(at, 0)
        for number in range(segments):
            add_image(at, number)
            at.uploader.upload()


def names(store: MemoryStore) -> list[str]:
    return [entry.uri for entry in store.list(prefix(BUCKET))]


def test_a_document_that_is_edited_often_is_uploaded_once(tmp_path: Path) -> None:
    store = MemoryStore()
    with open_drafts(tmp_path, store) as at:
        add_draft(at, 0)
        assert at.uploader.upload() == 1
        add_image(at, 0)
        for number in range(60):
            edit(at, number)
        assert [change.table for change in at.rows.changes(most_rows=5000, most_bytes=1 << 30)].count("images") == 1
        assert at.uploader.upload() == 1
        assert len(names(store)) == 2


class Away(MemoryStore):
    """A store that answers nobody until it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.is_back = False

    def put_if(self, uri: str, data: bytes, *, etag: str, content_type: str = "application/octet-stream") -> Stored:
        self.asked.set()
        if not self.is_back:
            raise StoreUnavailable(uri, "nobody answers")
        return super().put_if(uri, data, etag=etag, content_type=content_type)


async def test_what_could_not_be_uploaded_is_uploaded_once_the_store_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Away()
    with open_drafts(tmp_path, store) as at:
        add_draft(at, 0)
        async with uploading(at.uploader, every_s=0.001):
            assert await asyncio.to_thread(store.asked.wait, 30)
            assert names(store) == []
            store.is_back = True
        assert len(names(store)) == 1  # at the end at the latest
        assert "could not be uploaded, and is tried again: " in caplog.text


def test_a_studio_without_drafts_begins_no_generation(tmp_path: Path) -> None:
    store = MemoryStore()
    with open_drafts(tmp_path, store) as at:
        assert at.uploader.upload() == 0
    assert names(store) == []


def test_drafts_of_an_earlier_release_are_uploaded_whole(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "studio.sqlite")
    drafts = DraftStore(database, clock=lambda: 1.5, most_images=100)
    drafts.add(new_draft(dataset_id="old", **ROW, class_names=["outer", "inner"], created_at=1, created_by="ada"))
    database.close()
    store = MemoryStore()
    with open_drafts(tmp_path, store) as at:
        at.uploader.upload()
        before = at.content()
    with open_drafts(tmp_path / "new", store) as again:
        Restore(store, BUCKET).into(again.rows, again.files)
        assert again.content() == before


def test_no_secret_of_an_account_is_uploaded() -> None:
    assert not {"accounts", "login_tokens", "sessions", "api_tokens", "oidc_logins"} & set(UPLOADED)


def test_a_missing_segment_and_one_that_is_none_are_named_and_nothing_is_restored(tmp_path: Path) -> None:
    store = MemoryStore()
    filled(tmp_path / "one", store)
    second = names(store)[1]
    kept = store.get(second, limit_bytes=1 << 20)
    store.delete(second)
    with open_drafts(tmp_path / "two", store) as at:
        with pytest.raises(RestoreRefused, match="one is missing before it"):
            Restore(store, BUCKET).into(at.rows, at.files)
        for data in (b"junk", kept[:-9]):
            store.put(second, data)
            with pytest.raises(RestoreRefused, match="no segment of drafts"):
                Restore(store, BUCKET).into(at.rows, at.files)
        assert at.rows.is_empty()


def test_only_an_empty_studio_is_restored_into_and_a_generation_may_be_chosen(tmp_path: Path) -> None:
    store = MemoryStore()
    filled(tmp_path / "one", store, segments=2)
    with open_drafts(tmp_path / "one", store, at_s=1_100_000_000, most_segments=2) as at:
        with pytest.raises(RestoreRefused, match="this studio has drafts"):
            Restore(store, BUCKET).into(at.rows, at.files)
        first = at.content()
        remove_image(at, 0)
        at.uploader.upload()  # of a new generation
        second = at.content()
    older, newer = Restore(store, BUCKET).generations()
    with open_drafts(tmp_path / "two", store) as at:
        with pytest.raises(RestoreRefused, match=f"the store has {older}, {newer}"):
            Restore(store, BUCKET).into(at.rows, at.files, generation="yesterday")
        assert Restore(store, BUCKET).into(at.rows, at.files).generation == newer
        assert at.content() == second
    with open_drafts(tmp_path / "three", store) as at:
        Restore(store, BUCKET).into(at.rows, at.files, generation=older)
        assert at.content() == first


def test_a_generation_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    store = MemoryStore()
    filled(tmp_path / "one", store, segments=1)
    with open_drafts(tmp_path / "one", store) as at:
        before = at.content()
        at.rows.begin("20990101T000000Z-00000000")
        (change, *_) = at.rows.changes(most_rows=1, most_bytes=1)
    store.put(uri_of(BUCKET, "20990101T000000Z-00000000", 1), segment_to_bytes([change], is_complete=False))
    with open_drafts(tmp_path / "two", store) as at:
        Restore(store, BUCKET).into(at.rows, at.files)
        assert at.content() == before


def test_an_image_whose_file_is_not_in_the_store_is_named(tmp_path: Path) -> None:
    store = MemoryStore()
    filled(tmp_path / "one", store, segments=1)
    digest = hashlib.sha256(b"picture 0").hexdigest()
    store.delete(file_uri(BUCKET, "images", digest))
    with open_drafts(tmp_path / "two", store) as at:
        assert Restore(store, BUCKET).into(at.rows, at.files).missing == (digest,)
