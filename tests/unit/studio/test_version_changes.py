"""What changed between two contents of a dataset: counted, named, and nothing where nothing did."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord

from services.studio.publish.changes import as_json, changes_between

NAMES = ("scratch", "dent")


def mark(identity: str, *, label: int = 1, x: float = 0) -> Annotation:
    return Annotation(label=label, box_xywh=(x, 0, 10, 10), source_id=identity)


def image(path: str, *marks: Annotation, sha256: str = "", **more: object) -> ImageRecord:
    return replace(
        ImageRecord(path=path, sha256=sha256 or path, size_bytes=1, width=100, height=100, annotations=marks), **more
    )


def index(*images: ImageRecord, names: tuple[str, ...] = NAMES) -> DatasetIndex:
    return DatasetIndex(format="truscore", class_names=names, images=images)


def test_images_are_added_removed_renamed_and_replaced() -> None:
    before = index(image("same"), image("gone", mark("a")), image("old", sha256="s"), image("other", sha256="1"))
    after = index(
        image("same"), image("come", mark("b", label=2)), image("new", sha256="s"), image("other", sha256="2")
    )
    found = as_json(changes_between(before, after))
    assert found["images"] == {"added": 1, "removed": 1, "renamed": 1, "replaced": 1, "annotated": 0, "same": 1}
    assert found["paths"]["renamed"] == ["old → new"]
    assert [(each["name"], each["added"], each["removed"]) for each in found["classes"]] == [
        ("scratch", 0, 1), ("dent", 1, 0),
    ]  # fmt: skip


def test_marks_are_added_removed_moved_and_relabelled_by_class() -> None:
    before = index(image("a", mark("1"), mark("2"), mark("3"), mark("4", label=2)))
    after = index(image("a", mark("1"), mark("2", x=0.5), mark("4", label=1), mark("5", label=2)))
    found = as_json(changes_between(before, after))
    assert found["images"]["annotated"] == 1
    scratch, dent = found["classes"]
    assert (scratch["added"], scratch["removed"], scratch["moved"], scratch["relabelled"]) == (0, 1, 1, 1)
    assert (dent["added"], dent["removed"], dent["moved"], dent["relabelled"]) == (1, 0, 0, 0)


def test_labels_scores_and_class_names_are_compared_and_looked_at_is_not_unlabelled() -> None:
    before = index(image("a", labels=(1,)), image("b", labels=None), image("c", scores=(("gloss", 1.0),)))
    after = index(
        image("a", labels=(2,)), image("b", labels=()), image("c", scores=(("gloss", 2.0), ("haze", 1.0))),
        names=("scratch", "nick", "stain"),
    )  # fmt: skip
    found = as_json(changes_between(before, after))
    assert found["paths"]["annotated"] == ["a", "b", "c"]
    assert [(each["name"], each["images_added"], each["images_removed"]) for each in found["classes"]] == [
        ("scratch", 0, 1), ("nick", 1, 0),
    ]  # fmt: skip
    assert found["scores"] == 2
    assert found["class_names"] == ["dent → nick", "stain"]


marks = st.lists(
    st.builds(mark, st.sampled_from("abcd"), label=st.integers(1, 2), x=st.integers(0, 3).map(float)),
    max_size=4, unique_by=lambda each: each.source_id,
)  # fmt: skip
contents = st.dictionaries(st.sampled_from(["p", "q", "r"]), marks, max_size=3).map(
    lambda drawn: index(*(image(path, *drawn[path]) for path in sorted(drawn)))
)


@settings(max_examples=60)
@given(before=contents, after=contents)
def test_marks_add_up_and_a_content_is_the_same_as_itself(before: DatasetIndex, after: DatasetIndex) -> None:
    found = changes_between(before, after)
    difference = sum(each.added - each.removed for each in found.classes.values())
    assert difference == after.annotation_count - before.annotation_count
    there = len(found.added) - len(found.removed)
    assert there == len(after.images) - len(before.images)
    nothing = as_json(changes_between(after, after))
    assert nothing["classes"] == []
    assert nothing["images"]["same"] == len(after.images)
