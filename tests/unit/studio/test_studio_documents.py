"""Marks and the operations on them: what is accepted, what others did meanwhile, what an import brings and keeps."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets.formats.labelme.shapes import drawn_shape
from truscore.datasets.index.records import RLE, Annotation, DatasetIndex, ImageRecord

from services.studio.database import open_database
from services.studio.database.sqlite import SqliteDatabase
from services.studio.drafts.dataset import new_draft
from services.studio.drafts.document import Document, Frame, InvalidOperations, apply
from services.studio.drafts.document_json import document_from_json, document_to_json
from services.studio.drafts.journal import Batch, Journal, Saved, Stale
from services.studio.drafts.marks import document_of, to_index
from services.studio.drafts.store import DraftStore

FRAME = Frame(width=100, height=200, classes=3)
RECORD = ImageRecord(path="a.png", sha256="0" * 64, size_bytes=1, width=100, height=200)


def put(identity: str = "s", *, label: Any = 1, points: Any = (1, 2, 30, 40), kind: Any = "box") -> dict[str, Any]:
    return {"op": "put", "shape": {"id": identity, "kind": kind, "label": label, "points": list(points)}}


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        (put(label=4), "1 to 3"),
        (put(label=True), "1 to 3"),
        (put(points=(1, 2, 3)), "pairs"),
        (put(points=(1, 2, float("nan"), 4)), "coordinate"),
        (put(points=(1, 2, 1e9, 4)), "within the image"),
        (put(kind="quad"), "4 to 4"),
        (put(kind="circle"), "box, quad"),
        (put(kind="fixed"), "imports bring it"),
        (put("x" * 65), "ASCII"),
        ({"op": "labels", "labels": [0]}, "1 to 3"),
        ({"op": "score", "name": "", "value": 1}, "name"),
        ({"op": "score", "name": "a", "value": "1"}, "a number"),
        ({"op": "review", "state": "x"}, "open, done"),
        ({"op": "drop"}, "put, delete"),
        ("put", "an object"),
    ],
)
def test_an_operation_that_means_nothing_is_refused_in_words(operation: Any, named: str) -> None:
    with pytest.raises(InvalidOperations, match=named):
        apply(Document(), [operation], frame=FRAME)


def test_operations_are_applied_in_order() -> None:
    operations = [put("a"), put("b"), {"op": "delete", "id": "a"}, {"op": "labels", "labels": [3, 1, 3]},
                  {"op": "score", "name": "sharp", "value": 7}, {"op": "review", "state": "done"}]  # fmt: skip
    after = apply(Document(), operations, frame=FRAME)
    assert (list(after.shapes), after.labels) == (["b"], (1, 3))
    assert (dict(after.scores), after.review) == ({"sharp": 7.0}, "done")
    assert document_from_json(document_to_json(after)) == after


coordinates = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 2))


def _mark(label: int, points: list[float], kind: str) -> Annotation:
    xs, ys = points[::2], points[1::2]
    box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    found = Annotation(label=label, box_xywh=box)
    match kind:
        case "quad":
            return replace(found, polygons=(tuple(points),))
        case "polygon":
            xs, ys = points[:6:2], points[1:6:2]
            box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
            return replace(found, box_xywh=box, polygons=(tuple(points[:6]),))
        case "parts":
            return replace(found, polygons=(tuple(points), (1.0, 1.0, 2.0, 2.0, 3.0, 1.0)))
        case "rle":
            return replace(found, rle=RLE(height=200, width=100, counts=(5, 10, 19985)))
        case "crowd":
            return replace(found, crowd=True)
        case "circle":
            return replace(found, shape="circle", points=tuple(points[:4]))
        case "point":
            return drawn_shape("point", tuple(points[:2]), label, "")
        case "point_in_another_box":
            return replace(found, shape="point", points=tuple(points[:2]))
    return found


marks = st.builds(
    _mark,
    st.integers(1, 2),
    st.lists(coordinates, min_size=8, max_size=8),
    st.sampled_from(["box", "quad", "polygon", "rle", "crowd", "parts", "circle", "point", "point_in_another_box"]),
)


@given(st.lists(marks, max_size=5))
def test_what_an_import_brings_is_published_again_without_loss(found: list[Annotation]) -> None:
    record = replace(RECORD, annotations=tuple(found), labels=(1,), scores=(("sharp", 2.5),))
    document = document_from_json(document_to_json(document_of(record, labels={1: 1, 2: 2})))
    (again,) = to_index(("a", "b"), (), [(RECORD, document)]).images
    assert [replace(mark, source_id="") for mark in again.annotations] == [
        replace(mark, source_id="") for mark in _closed(found)
    ]
    assert (again.labels, again.scores) == (record.labels, record.scores)


def _closed(found: list[Annotation]) -> list[Annotation]:
    """A box is two corners here: its far corner is kept exactly, its size to the last digit of a float."""
    closed = []
    for mark in found:
        x, y, width, height = mark.box_xywh
        plain = not (mark.rle or mark.crowd or mark.shape or mark.polygons)
        closed.append(replace(mark, box_xywh=(x, y, (x + width) - x, (y + height) - y)) if plain else mark)
    return closed


class Client:
    """The browser's side (web/model/saver.js), as far as the order of things goes."""

    def __init__(self, journal: Journal, image_id: int) -> None:
        self.journal, self.image_id = journal, image_id
        self.revision, self.confirmed = journal.open("d", image_id)
        self.pending: list[tuple[str, list[Mapping[str, Any]]]] = []

    def edit(self, batch_id: str, operations: list[Mapping[str, Any]]) -> None:
        self.pending.append((batch_id, operations))

    def send(self, *, lost: bool = False) -> None:
        """One batch; where the answer is lost the batch is sent again the next time."""
        if not self.pending:
            return
        batch_id, operations = self.pending[0]
        batch = Batch(base=self.revision, batch_id=batch_id, operations=operations)
        outcome = self.journal.save("d", self.image_id, batch, author="a")
        if lost:
            return
        if isinstance(outcome, Stale):
            assert outcome.missing is not None
            for missing in outcome.missing:
                self.confirmed = apply(self.confirmed, missing, frame=FRAME)
            self.revision = outcome.revision
            return
        self.confirmed = apply(self.confirmed, operations, frame=FRAME)
        self.revision = outcome.revision
        self.pending.pop(0)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def stored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Journal, DraftStore]]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_url()
    database = open_database(url, tmp_path_factory.mktemp("drafts"))
    store = DraftStore(database, clock=lambda: 0.0, most_images=1000)
    draft = new_draft(
        dataset_id="d", category="border_detection", option="single_class", architecture="",
        class_names=["a", "b", "c"], created_at=0, created_by="a",
    )  # fmt: skip
    store.add(draft)
    yield Journal(database, clock=lambda: 0.0), store
    database.close()


def new_image(store: DraftStore) -> int:
    number = len(store.images("d"))
    return store.add_image("d", replace(RECORD, path=f"{number}.png", sha256=f"{number:064x}"))


acts = st.sampled_from(["edit", "send", "lost"])
steps = st.tuples(st.integers(0, 1), acts, st.sampled_from("pqr"), st.integers(1, 3))


@settings(max_examples=40)
@given(st.lists(steps, max_size=14))
def test_two_browsers_on_one_image_end_with_one_document_and_lose_nothing(
    stored: tuple[Journal, DraftStore], taken: list[tuple[int, str, str, int]]
) -> None:
    journal, store = stored
    image_id = new_image(store)
    clients = [Client(journal, image_id), Client(journal, image_id)]
    for number, (who, what, shape, label) in enumerate(taken):
        if what == "edit":
            clients[who].edit(f"b{number}", [put(f"{who}{shape}", label=label)])
        else:
            clients[who].send(lost=what == "lost")
    for client in (*clients, *clients):
        while client.pending:
            client.send()
    _, document = journal.open("d", image_id)
    edited = {(who, shape): label for who, what, shape, label in taken if what == "edit"}
    assert {key: shape.label for key, shape in document.shapes.items()} == {
        f"{who}{shape}": label for (who, shape), label in edited.items()
    }
    for client in clients:  # an edit of nothing brings each up to date
        client.edit(f"last{id(client)}", [{"op": "delete", "id": "none"}])
        client.send()
        client.send()
        assert client.confirmed.shapes == document.shapes


def test_a_batch_that_comes_twice_changes_nothing(stored: tuple[Journal, DraftStore]) -> None:
    journal, store = stored
    image_id = new_image(store)
    batch = Batch(base=0, batch_id="b", operations=[put()])
    assert [journal.save("d", image_id, batch, author="a") for _ in range(2)] == [Saved(revision=1)] * 2
    assert journal.open("d", image_id)[0] == 1


def test_an_edit_of_an_old_revision_is_answered_with_what_is_missing(stored: tuple[Journal, DraftStore]) -> None:
    journal, store = stored
    image_id = new_image(store)
    journal.save("d", image_id, Batch(base=0, batch_id="one", operations=[put("x")]), author="a")
    stale = journal.save("d", image_id, Batch(base=0, batch_id="two", operations=[put("y")]), author="b")
    assert stale == Stale(revision=1, missing=((put("x"),),))


def test_what_was_confirmed_is_there_after_the_database_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "studio.sqlite"
    database = SqliteDatabase(path)
    store = DraftStore(database, clock=lambda: 0.0, most_images=10)
    store.add(new_draft(dataset_id="d", category="border_detection", option="single_class", architecture="",
                        class_names=["a"], created_at=0, created_by="a"))  # fmt: skip
    image_id = store.add_image("d", RECORD)
    Journal(database, clock=lambda: 0.0).save(
        "d", image_id, Batch(base=0, batch_id="b", operations=[put()]), author="a"
    )
    other = SqliteDatabase(path)  # the first is not closed: as after a kill
    assert list(Journal(other, clock=lambda: 0.0).open("d", image_id)[1].shapes) == ["s"]


def test_an_image_that_takes_the_id_of_a_removed_one_takes_nothing_else_of_it(
    tmp_path: Path,
) -> None:
    database = SqliteDatabase(tmp_path / "studio.sqlite")  # PostgreSQL gives no id twice
    store, journal = DraftStore(database, clock=lambda: 0.0, most_images=10), Journal(database, clock=lambda: 0.0)
    store.add(new_draft(dataset_id="d", category="border_detection", option="single_class", architecture="",
                        class_names=["a"], created_at=0, created_by="a"))  # fmt: skip
    gone = new_image(store)
    journal.save("d", gone, Batch(base=0, batch_id="b", operations=[put("old")]), author="a")
    store.remove_image("d", gone)
    fresh = store.add_image("d", replace(RECORD, path="fresh.png", sha256="f" * 64))
    assert fresh == gone
    for revision, identity in enumerate(("one", "two")):
        batch = Batch(base=revision, batch_id=f"b{revision}", operations=[put(identity)])
        assert journal.save("d", fresh, batch, author="a") == Saved(revision=revision + 1)
    assert list(journal.open("d", fresh)[1].shapes) == ["one", "two"]
    assert document_from_json(document_to_json(journal.open("d", fresh)[1])) == journal.open("d", fresh)[1]


def test_an_index_of_a_draft_names_its_classes_and_grades() -> None:
    index = to_index(("1", "2"), (1.0, 2.0), [(RECORD, Document(labels=(2,)))])
    assert isinstance(index, DatasetIndex)
    assert (index.class_names, index.grades, index.images[0].labels) == (("1", "2"), (1.0, 2.0), (2,))
