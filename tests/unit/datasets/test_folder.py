"""Listing a dataset's folder: what counts, and what may not lead outside."""

import os
from pathlib import Path

from disk_datasets import codes, picture, write_label
from truscore.datasets import Limits, read_dataset, recognise_format
from truscore.datasets.reading.folder import list_folder
from truscore.datasets.reading.problems import ProblemLog


def listed(root: Path, **limits: int) -> tuple[tuple[str, ...], set[str]]:
    log = ProblemLog(limit=100)
    files = list_folder(root, limits=Limits(**limits), log=log).files
    return files, {problem.code for problem in log.all()}


def pair(root: Path, name: str = "a") -> None:
    picture(root / "images" / f"{name}.png")
    write_label(root / "labels" / f"{name}.txt", "0 0.5 0.5 0.5 0.5")


def test_our_own_folder_hidden_files_and_rubbish_are_not_part_of_the_dataset(tmp_path: Path) -> None:
    pair(tmp_path)
    for path in ("_truscore/index.json", ".DS_Store", "__MACOSX/images/a.png", ".git/config"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}")
    assert listed(tmp_path) == (("images/a.png", "labels/a.txt"), set())


def test_links_within_the_dataset_are_followed(tmp_path: Path) -> None:
    pair(tmp_path / "one")
    (tmp_path / "two" / "labels").mkdir(parents=True)
    write_label(tmp_path / "two" / "labels" / "a.txt", "0 0.5 0.5 0.5 0.5")
    (tmp_path / "two" / "images").symlink_to("../one/images")
    reading = read_dataset(tmp_path, class_names=["x"])
    assert reading.problems == ()
    assert reading.index is not None
    assert [image.path for image in reading.index.images] == ["one/images/a.png", "two/images/a.png"]


def test_links_that_lead_outside_or_nowhere_are_reported_and_not_followed(tmp_path: Path) -> None:
    secret = picture(tmp_path / "elsewhere" / "secret.png")
    root = tmp_path / "set"
    pair(root)
    (root / "images" / "b.png").symlink_to(secret)
    (root / "images" / "c.png").symlink_to("../../elsewhere/secret.png")
    (root / "more").symlink_to(tmp_path / "elsewhere")
    (root / "nowhere").symlink_to("missing")
    files, problems = listed(root)
    assert files == ("images/a.png", "labels/a.txt")
    assert problems == {"format.link_outside"}


def test_a_link_to_a_folder_above_does_not_go_round_forever(tmp_path: Path) -> None:
    pair(tmp_path)
    (tmp_path / "images" / "loop").symlink_to("..")
    assert listed(tmp_path)[0] == ("images/a.png", "labels/a.txt")


def test_a_name_that_is_no_unicode_is_reported_and_left_out(tmp_path: Path) -> None:
    pair(tmp_path)
    with open(os.fsencode(tmp_path / "images") + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123 (a name of bytes)
        file.write(b"x")
    assert listed(tmp_path) == (("images/a.png", "labels/a.txt"), {"format.name_not_text"})


def test_the_number_of_files_and_the_depth_are_bounded(tmp_path: Path) -> None:
    for number in range(6):
        pair(tmp_path, str(number))
    files, problems = listed(tmp_path, files=5)
    assert (len(files), problems) == (5, {"format.too_many_files"})
    deep = tmp_path / "1" / "2" / "3"
    pair(deep)
    files, problems = listed(tmp_path, folder_depth=3)
    assert not any(path.startswith("1/2/3") for path in files)
    assert problems == {"format.too_many_files"}


def test_nothing_to_read_is_an_answer(tmp_path: Path) -> None:
    assert codes(read_dataset(tmp_path)) == {"format.empty"}
    assert codes(read_dataset(tmp_path / "not-there")) == {"format.empty"}
    (tmp_path / "notes.md").write_text("hello")
    assert codes(read_dataset(tmp_path)) == {"format.unrecognised"}
    assert codes(read_dataset(tmp_path, format="tiff-stack")) == {"format.unrecognised"}
    assert recognise_format(tmp_path) == ""


def test_images_that_are_only_pointers_are_named_even_without_annotations(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert codes(read_dataset(tmp_path)) == {
        "format.unrecognised",
        "format.nearest",
        "format.empty",
        "image.lfs_pointer",
    }
