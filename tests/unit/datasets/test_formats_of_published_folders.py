"""Every folder of real data: which format it is taken for, what is read from it, and which defect is named."""

from collections import Counter
from pathlib import Path

import pytest
from disk_datasets import codes
from truscore.datasets import read_dataset, recognise_format, split_dataset
from truscore.validation import Severity, rule_counts, validate_folder

FORMATS = {
    "baseball_cards_4light_labelme": "labelme",
    "baseball_cards_4light_labelme/raw": "multi_light",
    "car_damage_coco": "coco",
    "car_damage_coco/valid": "coco",
    "cards_unannotated": "csv",
    "cards_unannotated/mtg_back_scans": "csv",
    "cards_unannotated/mtg_photos": "",
    "cards_unannotated/phone_iphone15_mpo": "",
    "deeppcb": "deeppcb",
    "fruitsnuts_coco": "coco",
    "jenga_yolo_seg": "yolo",
    "labelme_examples": "labelme",
    "labelme_examples/bbox_detection/data_annotated": "labelme",
    "labelme_examples/bbox_detection/data_dataset_voc": "voc",
    "labelme_examples/classification": "labelme",
    "labelme_examples/instance_segmentation/data_dataset_coco": "coco",
    "labelme_examples/primitives": "labelme",
    "labelme_examples/tutorial": "labelme",
    "magnetic_tile_masks": "masks",
    "magnetic_tile_masks/MT_Crack": "masks",
    "neu_det_voc": "voc",
    "playing_cards_voc": "voc",
    "playing_cards_voc/images/train": "voc",
    "ps_bunny_diligent_layout": "multi_light",
    "ps_uw_psmimages": "multi_light",
    "psa_grades_150x200": "folder",
    "truscore_card_borders_yolo/combined_dual_class": "yolo",
    "truscore_card_borders_yolo/outer_border_model": "",
    "weights": "",
    "broken/coco_swapped_width_height": "coco",
    "broken/coco_unlabelled_image": "coco",
    "broken/coco_wrapped_truscore": "coco",
    "broken/empty_mask_magnetic_tile": "masks",
    "broken/exif_orientation_mpo": "",
    "broken/heic_fullres_4light": "labelme",
    "broken/labelme_cropped_frame": "labelme",
    "broken/labelme_missing_image": "labelme",
    "broken/labelme_name_mismatch": "labelme",
    "broken/labelme_rotated_frame": "labelme",
    "broken/lfs_pointers": "",
    "broken/mixed_mode_rgb_gray": "",
    "broken/psa_duplicates": "folder",
    "broken/voc_resized_images_neu416": "",  # its YOLO labels lack two boxes of its VOC files
    "broken/yolo_image_without_label": "yolo",
}


def found_in(shared_data: Path, name: str) -> Path:
    folder = shared_data / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_folder_is_taken_for_the_format_it_is_in(shared_data: Path, name: str) -> None:
    assert recognise_format(found_in(shared_data, name)) == FORMATS[name]


def test_every_folder_of_real_data_has_been_looked_at(shared_data: Path) -> None:
    folders = [path for home in (shared_data, shared_data / "broken") for path in home.iterdir() if path.is_dir()]
    names = {str(path.relative_to(shared_data)) for path in folders} - {"broken"}
    assert {name for name in names if not any(known.startswith(name) for known in FORMATS)} == set()


@pytest.mark.parametrize(
    ("folder", "classes", "images", "annotations", "found"),
    [
        ("baseball_cards_4light_labelme", 1, 19, 50, {"format.labelme.lights"}),
        ("playing_cards_voc", 6, 70, 117, {"format.several_formats"}),
        ("neu_det_voc", 6, 270, 594, {"format.filename_bare"}),
        ("magnetic_tile_masks", 5, 166, 136, {"label.mask_not_binary"}),
        ("psa_grades_150x200", 10, 320, 0, set()),
        ("deeppcb", 6, 25, 164, {"format.list_unresolved", "format.deeppcb.templates"}),
        ("labelme_examples/primitives", 7, 1, 8, set()),
        ("labelme_examples/classification", 2, 2, 0, set()),
        ("labelme_examples/tutorial", 4, 1, 4, {"format.filename_other"}),
        (
            "labelme_examples/bbox_detection/data_dataset_voc",
            20,
            3,
            9,
            {"format.derived_pictures", "label.unused_category"},
        ),
    ],
)
def test_sound_datasets_are_read_whole(
    shared_data: Path, folder: str, classes: int, images: int, annotations: int, found: set[str]
) -> None:
    reading = read_dataset(found_in(shared_data, folder))
    assert codes(reading) == found
    assert reading.index is not None
    counted = (len(reading.index.class_names), len(reading.index.images), reading.index.annotation_count)
    assert counted == (classes, images, annotations)


@pytest.mark.parametrize(
    "folder",
    [
        "baseball_cards_4light_labelme",
        "playing_cards_voc",
        "neu_det_voc",
        "magnetic_tile_masks",
        "psa_grades_150x200",
        "deeppcb",
        "labelme_examples/classification",
        "labelme_examples/primitives",
    ],
)
def test_the_reader_finds_no_fault_that_rejects_a_sound_dataset(shared_data: Path, folder: str) -> None:
    verdict = validate_folder(found_in(shared_data, folder))
    rejecting = {found.rule for found in verdict.findings if found.severity is Severity.ERROR}
    # What is left are rules about few images; the small examples of an annotation tool are no dataset.
    assert rejecting <= ({"balance.too_few_images"} if folder.startswith("labelme_examples") else set())


BROKEN = {
    "empty_mask_magnetic_tile": {"label.empty_mask": 4},
    "exif_orientation_mpo": {"image.several_pictures": 1, "format.file_unknown": 1, "quality.rotated_image": 1},
    "heic_fullres_4light": {"image.unsupported": 4, "format.image_missing": 1},
    "labelme_cropped_frame": {"format.size_mismatch": 4},
    "labelme_missing_image": {"format.image_missing": 2},
    "labelme_name_mismatch": {"format.name_mismatch": 1},
    "labelme_rotated_frame": {"format.size_swapped": 4},
    "lfs_pointers": {"image.lfs_pointer": 4},
    "mixed_mode_rgb_gray": {"quality.mixed_modes": 1},
    "psa_duplicates": {"label.disagreeing_duplicates": 8},
    "voc_resized_images_neu416": {"format.size_mismatch": 12, "format.list_absolute": 2, "format.ambiguous": 1},
    "coco_swapped_width_height": {"format.size_swapped": 3},
    "coco_unlabelled_image": {"coverage.unlabelled_image": 1},
    "coco_wrapped_truscore": {"format.coco.wrapped": 2},
    "yolo_image_without_label": {"format.yolo.image_without_label": 1, "format.yolo.paths_unresolved": 3},
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_dataset_is_rejected_or_reported_by_its_real_defect(shared_data: Path, name: str) -> None:
    verdict = validate_folder(found_in(shared_data, f"broken/{name}"))
    counts = rule_counts(verdict)
    assert {rule: counts.get(rule) for rule in BROKEN[name]} == BROKEN[name]
    assert not verdict.accepted


def test_every_broken_folder_is_in_the_table(shared_data: Path) -> None:
    assert {path.name for path in (shared_data / "broken").iterdir() if path.is_dir()} == set(BROKEN)


def test_grades_of_folders_are_in_rising_order(shared_data: Path) -> None:
    index = read_dataset(found_in(shared_data, "psa_grades_150x200")).index
    assert index is not None
    assert index.class_names == tuple(f"psa{grade}" for grade in range(1, 11))
    assert index.grades == tuple(map(float, range(1, 11)))
    assert {(image.path.partition("/")[0], image.labels) for image in index.images} == {
        (f"psa{grade}", (grade,)) for grade in range(1, 11)
    }


def test_words_of_a_table_are_grades_in_rising_order(shared_data: Path) -> None:
    reading = read_dataset(found_in(shared_data, "cards_unannotated/mtg_back_scans"))
    assert reading.index is not None
    assert reading.index.class_names == ("DAMAGED", "HP", "MP-", "MP", "MP+", "LP-", "LP", "LP+", "NM")
    assert reading.index.grades == tuple(sorted(reading.index.grades))
    found = Counter({problem.code: 0 for problem in reading.problems})
    for problem in reading.problems:
        found[problem.code] += problem.count
    assert (found["format.image_missing"], found["format.csv.label_missing"]) == (2621, 26)


def test_exposures_of_one_tile_never_part(shared_data: Path) -> None:
    index = read_dataset(found_in(shared_data, "magnetic_tile_masks")).index
    assert index is not None
    groups = Counter(image.group for image in index.images if image.group)
    assert max(groups.values()) <= 7
    # One tile lies in two folders: its third exposure shows another defect.
    assert {image.group for image in index.images if "num_775" in image.path} == {"tile 77531"}
    split = split_dataset(index, seed=3)
    parts = {path: part for part, paths in enumerate((split.train, split.validation, split.test)) for path in paths}
    homes = {(image.group, parts[image.path]) for image in index.images if image.group}
    assert len(homes) == len(groups)


def test_shapes_of_every_kind_are_read(shared_data: Path) -> None:
    index = read_dataset(found_in(shared_data, "labelme_examples/primitives")).index
    assert index is not None
    (image,) = index.images
    kinds = {index.class_names[mark.label - 1]: mark for mark in image.annotations}
    assert kinds["circle"].shape == "circle"
    assert kinds["circle"].box_xywh[2] == pytest.approx(2 * (30**2 + 41**2) ** 0.5)
    assert kinds["line"].points == (188.0, 178.0, 160.0, 224.0)
    assert (kinds["point"].shape, kinds["line_strip"].shape) == ("point", "linestrip")
    assert kinds["octagon"].rle is not None
    assert kinds["octagon"].box_xywh == (417.0, 305.0, 100.0, 100.0)
    assert kinds["polygon"].polygons
    assert not kinds["rectangle"].polygons


def test_lights_of_one_card_share_their_group(shared_data: Path) -> None:
    index = read_dataset(found_in(shared_data, "baseball_cards_4light_labelme/raw")).index
    assert index is not None
    groups = Counter(image.group for image in index.images)
    assert (len(index.images), set(groups.values())) == (76, {4})
    assert Counter(image.light.name for image in index.images) == dict.fromkeys(("up", "down", "left", "right"), 19)
    assert {image.light.direction for image in index.images} == {None}
