"""What a maker says belongs together stays together."""

import json
from pathlib import Path

from disk_datasets import picture
from truscore.datasets import DatasetIndex, Declaration, ImageRecord, declaration_to_json, read_dataset, split_dataset
from truscore.datasets.limits import Limits
from truscore.datasets.reading.declaration import read_declaration
from truscore.datasets.reading.folder import list_folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.splitting.declared_groups import with_declared_groups


def image(path: str, group: str = "") -> ImageRecord:
    return ImageRecord(path=path, sha256=path, size_bytes=1, width=4, height=3, group=group)


def groups_of(images: list[ImageRecord], **declared: list[str]) -> tuple[list[str], tuple[str, ...]]:
    index = DatasetIndex(format="", class_names=(), images=tuple(images))
    grouped, problems = with_declared_groups(index, declared)
    return [one.group for one in grouped.images], problems


def write(root: Path, **declared: object) -> Path:
    for number in range(12):
        picture(root / ("mint" if number % 2 else "worn") / f"{number:02d}.png", seed=number)
    (root / "truscore.json").write_text(json.dumps(declared))
    return root


def test_images_and_whole_folders_can_be_declared() -> None:
    images = [image("a.jpg"), image("card7/front.jpg"), image("card7/close/corner.jpg"), image("card70/front.jpg")]
    found, problems = groups_of(images, one=["a.jpg"], seven=["card7/"])
    assert found == ["declared one", "declared seven", "declared seven", ""]
    assert problems == ()


def test_what_is_declared_goes_before_what_names_imply() -> None:
    images = [image("a.jpg", "tile 3"), image("b.jpg", "tile 3"), image("c.jpg", "tile 3")]
    assert groups_of(images, one=["a.jpg"], other=["b.jpg"])[0] == ["declared one", "declared other", "tile 3"]


def test_a_copy_follows_the_image_that_is_declared() -> None:
    images = [image("a.jpg", "source a"), image("a_aug.jpg", "source a"), image("b.jpg", "source b")]
    assert groups_of(images, card=["a.jpg"])[0] == ["declared card", "declared card", "source b"]


def test_what_cannot_be_used_is_named() -> None:
    found, problems = groups_of([image("a.jpg")], one=["a.jpg", "gone.jpg"], two=["a.jpg"])
    assert found == ["declared one"]
    assert "'gone.jpg': there is no such image" in problems[0]
    assert "'a.jpg' is in two declared groups, 'one' and 'two'; the first holds" in problems[1]


def test_declared_groups_are_read_with_the_dataset_and_kept_whole_by_splits(tmp_path: Path) -> None:
    members = ["mint/01.png", "worn/02.png", "mint/05.png"]
    reading = read_dataset(write(tmp_path, groups={"card 1": members}))
    assert reading.problems == ()
    assert reading.index is not None
    for seed in range(6):
        split = split_dataset(reading.index, seed=seed)
        parts = (split.train, split.validation, split.test)
        assert sum(bool(set(members) & set(part)) for part in parts) == 1


def test_a_declared_image_that_is_not_there_is_reported(tmp_path: Path) -> None:
    reading = read_dataset(write(tmp_path, groups={"card 1": ["gone.png"]}))
    assert reading.index is not None
    assert [problem.code for problem in reading.problems] == ["format.declaration"]
    assert "gone.png" in reading.problems[0].message


def test_a_declaration_of_groups_comes_back_from_json(tmp_path: Path) -> None:
    declaration = Declaration(groups={"card 1": ("a.jpg", "b/")})
    (tmp_path / "truscore.json").write_text(declaration_to_json(declaration))
    log = ProblemLog(limit=5)
    assert read_declaration(list_folder(tmp_path, limits=Limits(), log=log), log) == declaration
    assert log.all() == ()
