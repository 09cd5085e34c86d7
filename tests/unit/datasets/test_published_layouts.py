"""Layouts of public collections and of tools' exports that were once read as something else, or not at all."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from disk_datasets import codes, only, picture
from PIL import Image
from truscore.datasets import DatasetIndex, read_dataset


def mask(path: Path, *values: int | tuple[int, int, int], mode: str = "L") -> None:
    """A mask of 40 x 30 pixels with a rectangle of 8 x 6 for each value, side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas = Image.new(mode, (40, 30), 0)
    for at, value in enumerate(values):
        canvas.paste(value, (2 + 12 * at, 4, 10 + 12 * at, 10))
    canvas.save(path)


def pictures(folder: Path, *names: str) -> Sequence[str]:
    for seed, name in enumerate(names):
        picture(folder / name, seed=seed)
    return names


def index_of(folder: Path, format: str) -> DatasetIndex:
    index = read_dataset(folder).index
    assert index is not None
    assert index.format == format
    return index


def marks(index: DatasetIndex) -> Counter[str]:
    return Counter(index.class_names[mark.label - 1] for image in index.images for mark in image.annotations)


def labels(index: DatasetIndex) -> Counter[str]:
    return Counter(index.class_names[label - 1] for image in index.images for label in image.labels or ())


def test_the_defects_of_several_objects_are_the_classes_and_the_objects_are_named(tmp_path: Path) -> None:
    for thing, defect in (("bottle", "broken"), ("cable", "cut")):
        pictures(tmp_path / thing, "train/good/000.png", "test/good/000.png", f"test/{defect}/000.png")
        mask(tmp_path / thing / f"ground_truth/{defect}/000_mask.png", 255)
    index = index_of(tmp_path, "masks")
    assert index.class_names == ("broken", "cut")
    assert marks(index) == labels(index) == {"broken": 1, "cut": 1}
    assert len(index.images) == 6
    said = "classes are broken, cut, good; folders of other levels are not read: bottle, cable (above)"
    assert only(read_dataset(tmp_path), "format.folder.levels") == f": {said}"


@pytest.mark.parametrize("value", [255, 1])
def test_a_table_of_images_beside_their_masks_leaves_the_reading_to_the_masks(tmp_path: Path, value: int) -> None:
    normal, odd = "candle/Data/Images/Normal", "candle/Data/Images/Anomaly"
    rows = [f"{normal}/{at:03d}.JPG,normal," for at in range(3)]
    pictures(tmp_path, *(f"{normal}/{at:03d}.JPG" for at in range(3)), *(f"{odd}/{at:03d}.JPG" for at in range(2)))
    for at in range(2):
        mask(tmp_path / f"candle/Data/Masks/Anomaly/{at:03d}.png", value)
        rows.append(f"{odd}/{at:03d}.JPG,scratch,candle/Data/Masks/Anomaly/{at:03d}.png")
    (tmp_path / "image_anno.csv").write_text("\n".join(["image,label,mask", *rows]) + "\n")
    index = index_of(tmp_path, "masks")
    assert marks(index) == {"Anomaly": 2}
    assert len(index.images) == 5


def test_a_form_for_answers_names_no_labels(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"train/{at:04x}.jpg" for at in range(4)), "test/00aa.jpg", "test/00ab.jpg")
    (tmp_path / "train.csv").write_text("id,label\n0000,mint\n0001,played\n0002,mint\n0003,played\n")
    (tmp_path / "sample_submission.csv").write_text("id,label\n00aa,mint\n00ab,mint\n")
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert labels(reading.index) == {"mint": 2, "played": 2}
    assert "a form for answers" in only(reading, "format.annotations.left_out")


@pytest.mark.parametrize(
    ("heading", "fields", "classes"),
    [
        ("tags", ("dent scratch", "dent", "scratch haze", "haze"), {"dent", "scratch", "haze"}),
        ("tags", ("dent", "scratch haze", "soft corner", "haze"), {"dent", "scratch haze", "soft corner", "haze"}),
        ("label", ("dent scratch", "dent", "scratch haze", "haze"), {"dent scratch", "dent", "scratch haze", "haze"}),
    ],
    ids=["words that come again", "names of two words", "one label"],
)
def test_tags_are_divided_at_spaces_where_their_words_come_again(
    tmp_path: Path, heading: str, fields: Sequence[str], classes: set[str]
) -> None:
    pictures(tmp_path, *(f"{at}.jpg" for at in range(8)))
    rows = [f"{at}.jpg,{fields[at % 4]}" for at in range(8)]
    (tmp_path / "train.csv").write_text("\n".join([f"image_name,{heading}", *rows]) + "\n")
    assert set(index_of(tmp_path, "csv").class_names) == classes


def test_the_title_of_a_listing_is_no_label(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{at}.jpg" for at in range(6)))
    rows = [f'"Charizard, holo",{20 + at * 3.5},{at}.jpg' for at in range(6)]
    (tmp_path / "listings.csv").write_text("\n".join(["title,price,image", *rows]) + "\n")
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert labels(reading.index) == {}
    assert {"format.unrecognised", "format.nearest"} <= codes(reading)


def test_the_values_of_masks_are_named_by_the_table_beside_them(tmp_path: Path) -> None:
    for part, name in (("train", "a"), ("train", "b"), ("valid", "c")):
        pictures(tmp_path / part, f"{name}.jpg")
        mask(tmp_path / part / f"{name}_mask.png", 1, 2)
        (tmp_path / part / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, dent\n2, scratch\n")
    assert marks(index_of(tmp_path, "masks")) == {"dent": 3, "scratch": 3}
    (tmp_path / "valid/_classes.csv").write_text("Pixel Value, Class\n0, background\n1, scratch\n2, dent\n")
    assert "label.mask_values" in codes(read_dataset(tmp_path))


def test_of_masks_of_classes_and_of_objects_those_of_classes_are_read(tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\ndent:255,0,0::\n")
    for name in ("a", "b", "c"):
        pictures(tmp_path, f"JPEGImages/{name}.jpg")
        mask(tmp_path / f"SegmentationClass/{name}.png", (255, 0, 0), mode="RGB")
        mask(tmp_path / f"SegmentationObject/{name}.png", (128, 0, 0), mode="RGB")
    assert marks(index_of(tmp_path, "masks")) == {"dent": 3}


def test_label_ids_of_cityscapes_are_asked_for_their_names(tmp_path: Path) -> None:
    for at in range(3):
        name = f"bonn_{at:06d}_000019"
        pictures(tmp_path, f"leftImg8bit/train/bonn/{name}_leftImg8bit.png")
        mask(tmp_path / f"gtFine/train/bonn/{name}_gtFine_labelIds.png", 7, 26)
        mask(tmp_path / f"gtFine/train/bonn/{name}_gtFine_color.png", (9, 9, 200), (0, 0, 142), mode="RGB")
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert (reading.index.format, reading.index.annotation_count) == ("masks", 0)
    assert {problem.message[:11] for problem in reading.problems if problem.code == "label.mask_values"} == {
        "values 7, 2"
    }


def test_sound_images_with_black_masks_are_of_no_class(tmp_path: Path) -> None:
    for at in range(4):
        pictures(tmp_path, f"train/{10300 + at}.png")
        mask(tmp_path / f"train/{10300 + at}_GT.png", *([255] if at % 2 else []))
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert (marks(reading.index), labels(reading.index), codes(reading)) == ({"defect": 2}, {}, set())


def test_images_that_a_table_calls_sound_are_sound_and_forgotten_masks_are_named(tmp_path: Path) -> None:
    for folder in ("Class1", "Class2"):
        pictures(tmp_path / folder, *(f"Train/{at:04d}.PNG" for at in range(1, 7)))
        mask(tmp_path / folder / "Train/Label/0001_label.PNG", 255)
        rows = [f"{at}\t0\t{at:04d}.PNG\t0\t0" for at in range(2, 6)]
        table = tmp_path / folder / "Train/Label/Labels.txt"
        table.write_text("\n".join(["1", "1\t1\t0001.PNG\t1\t0001_label.PNG", *rows]))
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    # Few masks explain less of the folder than its classes do, and are read all the same.
    assert (reading.index.format, marks(reading.index)) == ("masks", {"Class1": 1, "Class2": 1})
    assert [image.labels for image in reading.index.images[:6]] == [(1,), (), (), (), (), (1,)]
    assert [problem.location for problem in reading.problems] == ["Class1/Train/0006.PNG", "Class2/Train/0006.PNG"]
    assert codes(reading) == {"format.masks.image_without_mask"}


def test_images_that_no_list_of_segmentation_names_are_no_sound_ones(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"JPEGImages/{name}.jpg" for name in "abcde"))
    for name in "abc":
        mask(tmp_path / f"SegmentationClass/{name}.png", 255)
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets/Segmentation/trainval.txt").write_text("a\nb\nc\nd\n")
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert [image.path[-5] for image in reading.index.images] == list("abcd")
    named = [(problem.code, problem.location) for problem in reading.problems]
    assert named == [
        ("format.image_unlisted", "JPEGImages/e.jpg"),
        ("format.masks.image_without_mask", "JPEGImages/d.jpg"),
    ]


def test_a_table_of_images_with_their_masks_is_no_list_of_classes(tmp_path: Path) -> None:
    for folder in ("Class1", "Class2"):
        pictures(tmp_path / folder, "Train/0001.PNG", "Train/0002.PNG")
        mask(tmp_path / folder / "Train/Label/0001_label.PNG", 255)
        rows = "1\n1\t1\t0001.PNG\t1\t0001_label.PNG\n2\t0\t0002.PNG\t0\t0\n"
        (tmp_path / folder / "Train/Label/Labels.txt").write_text(rows)
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert marks(reading.index) == {"Class1": 1, "Class2": 1}
    assert "format.class_names_differ" not in codes(reading)


def test_lights_of_a_list_in_a_folder_of_its_own_are_those_of_the_images_beside(tmp_path: Path) -> None:
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    lines = [
        f"C:\\RTI\\coin\\jpeg-exports\\coin_{at:02d}.jpg {0.6 * np.cos(turn):.5f} {0.6 * np.sin(turn):.5f} 0.8"
        for at, turn in enumerate(turns)
    ]
    pictures(tmp_path, *(f"jpeg-exports/coin_{at:02d}.jpg" for at in range(8)))
    (tmp_path / "assembly-files").mkdir()
    (tmp_path / "assembly-files/coin.lp").write_text("\n".join(["8", *lines]) + "\n")
    index = index_of(tmp_path, "multi_light")
    directions = [image.light.direction for image in index.images if image.light]
    assert directions[1] == pytest.approx((0.6 * np.cos(turns[1]), 0.6 * np.sin(turns[1]), 0.8), abs=1e-4)
    assert len(directions) == 8


@pytest.mark.parametrize("sides", [("front", "back"), ("Obverse", "Reverse")])
def test_folders_of_a_cards_faces_with_the_same_names_hold_views_and_with_others_classes(
    tmp_path: Path, sides: tuple[str, str]
) -> None:
    for at, side in enumerate(sides):
        pictures(tmp_path / "views" / side, *(f"{number:04d}.jpg" for number in range(4)))
        pictures(tmp_path / "classes" / side, *(f"{4 * at + number:04d}.jpg" for number in range(4)))
    reading = read_dataset(tmp_path / "views")
    assert reading.index is not None
    assert labels(reading.index) == {}
    assert len({image.group for image in reading.index.images} - {""}) == 4
    assert any("two faces of a card" in problem.message for problem in reading.problems)
    assert labels(index_of(tmp_path / "classes", "folder")) == dict.fromkeys(sides, 4)
    (tmp_path / "views/truscore.json").write_text(f'{{"classes": ["{sides[0]}", "{sides[1]}"]}}')
    assert labels(index_of(tmp_path / "views", "folder")) == dict.fromkeys(sides, 4)


def test_the_metadata_of_an_image_folder_is_read_with_its_boxes_labels_and_scores(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"train/{at}.png" for at in range(4)))
    lines: list[object] = [
        {"file_name": "0.png", "objects": {"bbox": [[2, 3, 10, 8], [20, 4, 9, 9]], "categories": [0, 1]}, "text": "x"},
        {"file_name": "1.png", "objects": [{"bbox": [1, 1, 5, 5], "category": "dent"}], "centering": 9.5},
        {"file_name": "2.png", "objects": {"bbox": [[2, 3, 10, 8]], "categories": []}},
        {"file_name": 7},
        {"file_name": "3.png", "label": float("nan")},
    ]
    file = tmp_path / "train/metadata.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n{\n")
    (tmp_path / "truscore.json").write_text('{"classes": ["dent", "scratch"]}')
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert reading.index.format == "image_folder"
    assert marks(reading.index) == {"dent": 2, "scratch": 1}
    assert reading.index.images[0].annotations[1].box_xywh == (20, 4, 9, 9)
    assert reading.index.images[1].scores == (("centering", 9.5),)
    named = {problem.location.rpartition("#")[2]: problem.code for problem in reading.problems}
    assert [named[line] for line in "3456"] == [
        "label.malformed", "format.annotations.structure", "label.not_finite", "format.annotations.unreadable",
    ]  # fmt: skip
    assert "`text` of 1 lines is not read" in only(reading, "format.annotations.left_out")


def test_grades_in_the_metadata_of_an_image_folder_are_grades(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{at}.png" for at in range(4)))
    lines = [{"file_name": f"{at}.png", "grade": 7 + at} for at in range(4)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert index_of(tmp_path, "image_folder").grades == (7, 8, 9, 10)


def test_masks_beside_sound_and_damaged_images_are_those_of_the_damaged(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"normal/{at:03d}.png" for at in range(4)), *(f"abnormal/{at:03d}.png" for at in range(3)))
    for at in range(3):
        mask(tmp_path / f"mask/{at:03d}.png", 255)
    index = index_of(tmp_path, "masks")
    assert (marks(index), labels(index), len(index.images)) == ({"abnormal": 3}, {"abnormal": 3}, 7)


def test_a_mask_may_lie_in_a_folder_that_is_called_like_its_image(tmp_path: Path) -> None:
    for defect in ("logical", "structural"):
        pictures(tmp_path, f"train/good/{defect}.png", *(f"test/{defect}/{at:03d}.png" for at in range(2)))
        for at in range(2):
            mask(tmp_path / f"ground_truth/{defect}/{at:03d}/000.png", 255)
    assert marks(index_of(tmp_path, "masks")) == {"logical": 2, "structural": 2}


def loco(root: Path) -> dict[str, int]:
    for defect in ("logical", "structural"):
        pictures(root, f"train/good/{defect}.png", *(f"test/{defect}/{at:03d}.png" for at in range(2)))
        for at in range(2):
            mask(root / f"ground_truth/{defect}/{at:03d}/000.png", 255)
            mask(root / f"ground_truth/{defect}/{at:03d}/001.png", 0, 254)
    return {"logical": 4, "structural": 4}


def nuclei(root: Path) -> dict[str, int]:
    for name in ("00ab", "01cd", "02ef"):
        pictures(root, f"stage1_train/{name}/images/{name}.png")
        for at in range(2):
            mask(root / f"stage1_train/{name}/masks/f{at}{name[::-1]}.png", *([0] * at), 255)
    return {"defect": 6}


def folders_of_masks(root: Path) -> dict[str, int]:
    pictures(root, *(f"images/{at}.jpg" for at in range(4)))
    for at in range(4):
        mask(root / f"masks/dent/{at}.png", 255)
        if at < 3:
            mask(root / f"masks/scratch/{at}.png", 0, 255)
    return {"dent": 4, "scratch": 3}


def counted_folders(root: Path) -> dict[str, int]:
    for at, part in enumerate(("a. Training Set", "b. Testing Set")):
        name = f"IDRiD_{at:02d}"
        pictures(root, f"1. Original Images/{part}/{name}.jpg")
        for number, (lesion, short) in enumerate((("1. Microaneurysms", "MA"), ("2. Haemorrhages", "HE"))):
            mask(root / f"2. All Segmentation Groundtruths/{part}/{lesion}/{name}_{short}.tif", *([0] * number), 255)
    return {"Microaneurysms": 2, "Haemorrhages": 2}


def numbered_beside(root: Path) -> dict[str, int]:
    for name in ("benign", "malignant", "normal"):
        pictures(root, f"{name}/{name} (1).png", f"{name}/{name} (2).png")
        for at in (1, 2):
            mask(root / f"{name}/{name} ({at})_mask.png", *([] if name == "normal" else [255]))
    mask(root / "benign/benign (1)_mask_1.png", 0, 255)
    return {"benign": 3, "malignant": 2}


def numbered_alone(root: Path) -> dict[str, int]:
    pictures(root, *(f"{at}.jpg" for at in range(3)))
    for at in range(3):
        for number in range(2):
            mask(root / f"{at}_mask_{number}.png", *([0] * number), 255)
    return {"defect": 6}


@pytest.mark.parametrize(
    "write",
    [loco, nuclei, folders_of_masks, counted_folders, numbered_beside, numbered_alone],
    ids=lambda one: one.__name__,
)
def test_each_of_several_masks_of_an_image_is_a_mark_of_its_own(
    tmp_path: Path, write: Callable[[Path], dict[str, int]]
) -> None:
    expected = write(tmp_path)
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert (reading.index.format, marks(reading.index)) == ("masks", expected)
    assert codes(reading) == set()
    several = next(image for image in reading.index.images if len(image.annotations) > 1)
    assert sorted(mark.box_xywh for mark in several.annotations) == [(2, 4, 8, 6), (14, 4, 8, 6)]


def test_two_folders_that_hold_the_same_masks_are_read_once(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"images/{at}.jpg" for at in range(3)))
    for at in range(3):
        mask(tmp_path / f"masks/{at}.png", 255)
        mask(tmp_path / f"ground_truth/{at}.png", 255)
    assert marks(index_of(tmp_path, "masks")) == {"defect": 3}


def test_numbered_objects_with_sound_images_of_their_own_are_no_grades(tmp_path: Path) -> None:
    for thing in ("01", "02"):
        pictures(tmp_path / thing, "train/ok/0000.png", "test/ok/0001.png", "test/ko/0002.png")
        mask(tmp_path / thing / "ground_truth/ko/0002.png", 255)
    index = index_of(tmp_path, "masks")
    assert (marks(index), labels(index), index.grades) == ({"ko": 2}, {"ko": 2}, ())


@pytest.mark.parametrize(
    ("images", "masks"), [("{}_img", "{}_lab"), ("images_prepped_{}", "annotations_prepped_{}"), ("{}", "{}_lbl")]
)
def test_folders_of_images_and_masks_may_name_their_part(tmp_path: Path, images: str, masks: str) -> None:
    for part in ("train", "test"):
        for at in range(2):
            pictures(tmp_path / images.format(part), f"{part}{at}.jpg")
            mask(tmp_path / masks.format(part) / f"{part}{at}.png", 255)
    index = index_of(tmp_path, "masks")
    assert (marks(index), len(index.images)) == ({"defect": 4}, 4)


def test_colours_before_names_divided_by_a_tab_are_read(tmp_path: Path) -> None:
    (tmp_path / "label_colors.txt").write_text("0 0 0\tVoid\n64 128 64\tDent\n192 0 128\tScratch\n")
    for at in range(3):
        pictures(tmp_path, f"images/0001TP_{at:04d}.png")
        mask(tmp_path / f"labels/0001TP_{at:04d}_L.png", (64, 128, 64), (192, 0, 128), mode="RGB")
    assert marks(index_of(tmp_path, "masks")) == {"Dent": 3, "Scratch": 3}


def test_folders_called_defect_images_and_no_defect_images_say_what_is_sound(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"Defect_images/{at:04d}.png" for at in range(3)))
    pictures(tmp_path, *(f"NODefect_images/2306881-210020u/{at + 50:04d}.png" for at in range(3)))
    for at in range(3):
        mask(tmp_path / f"Mask_images/{at:04d}_mask.png", 255)
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert (marks(reading.index), labels(reading.index)) == ({"Defect_images": 3}, {"Defect_images": 3})
    assert "format.masks.image_without_mask" not in codes(reading)
