"""Names are taken apart as pathlib does it, only faster."""

from pathlib import PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets.formats.yolo.reader import label_paths
from truscore.datasets.paths import name_of, stem_of, suffix_of

names = st.text(st.sampled_from("ab.Z_ "), min_size=1, max_size=8).filter(lambda name: name.strip("."))
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@settings(deadline=None)
@given(paths)
def test_name_stem_and_ending_are_pathlibs(path: str) -> None:
    plain = PurePosixPath(path)
    assert (name_of(path), stem_of(path), suffix_of(path)) == (plain.name, plain.stem, plain.suffix.lower())


@settings(deadline=None)
@given(paths)
def test_labels_lie_beside_the_image_or_in_a_folder_of_labels(path: str) -> None:
    beside = PurePosixPath(path).with_suffix(".txt")
    inner = beside.parent / "labels" / beside.name
    above = [str(beside.parent.parent / "labels" / beside.name)] if "/" in path else []
    assert label_paths(path) == (str(beside), str(inner), *above)
    assert label_paths(f"images/{path}") == (f"labels/{beside}", f"images/{beside}", f"images/{inner}")
