"""Faults of the formats that are neither COCO nor YOLO, planted one at a time in a folder that is otherwise sound."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from truscore.datasets import Limits, index_to_json, read_dataset

from tests.planted_faults import lit
from tests.planted_faults.lit_faults import LIT_FAULTS
from tests.planted_faults.tool_faults import TOOL_FAULTS
from tests.unit.validation.small_datasets import HEIGHT, OUTER, WIDTH, texture

X, Y, W, H = OUTER
BOXES = "filename,class,xmin,ymin,xmax,ymax"
SHAPE = {"label": "defect", "points": [[X, Y], [X + W, Y], [X, Y + H]], "shape_type": "polygon"}
VOC = (
    "<annotation><filename>{name}.png</filename><size><width>96</width><height>72</height></size><object>"
    "<name>defect</name><bndbox><xmin>10</xmin><ymin>8</ymin><xmax>80</xmax><ymax>64</ymax></bndbox></object>"
    "</annotation>"
)


def pictures(folder: Path, *names: str) -> None:
    for number, name in enumerate(names or [f"{number:03}.png" for number in range(6)]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        texture(number).save(path)


def voc(folder: Path) -> None:
    pictures(folder)
    for path in sorted(folder.glob("*.png")):
        path.with_suffix(".xml").write_text(VOC.format(name=path.stem))


def labelme(folder: Path, **changes: object) -> None:
    pictures(folder)
    for path in sorted(folder.glob("*.png")):
        content = {"imagePath": path.name, "imageWidth": WIDTH, "imageHeight": HEIGHT, "shapes": [SHAPE]}
        path.with_suffix(".json").write_text(json.dumps(content))
    first = folder / "000.json"
    first.write_text(json.dumps(json.loads(first.read_text()) | changes))


def table(folder: Path, *rows: str, header: str = "filename,label,sharpness") -> None:
    pictures(folder)
    sound = [f"{number:03}.png,{'good' if number % 2 else 'bad'},0.{number + 1}" for number in range(1, 6)]
    (folder / "labels.csv").write_text("\n".join([header, *sound, *rows]) + "\n")


def rows(*lines: str) -> Callable[[Path], None]:
    """A table with exactly these lines beside six pictures."""

    def plant(folder: Path) -> None:
        pictures(folder)
        (folder / "labels.csv").write_text("\n".join(lines) + "\n")

    return plant


def twice(folder: Path) -> None:
    table(folder)
    shutil.copyfile(folder / "labels.csv", folder / "train_labels.csv")


def indexed(change: Callable[[str], str]) -> Callable[[Path], None]:
    """A folder in the system's own format, its index changed."""

    def plant(folder: Path) -> None:
        voc(folder)
        index = read_dataset(folder).index
        assert index is not None
        (folder / "dataset-index.json").write_text(change(index_to_json(index)))
        for path in folder.glob("*.xml"):
            path.unlink()

    return plant


def folders(folder: Path) -> None:
    pictures(folder, *(f"psa{grade}/{number}.png" for grade in (1, 2) for number in range(grade * 4, grade * 4 + 4)))


def masks(folder: Path, first: np.ndarray | None = None, name: str = "scratched") -> None:
    home = folder / name
    home.mkdir(parents=True)
    binary_HW = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    binary_HW[10:30, 10:40] = 255
    for number in range(6):
        texture(number).save(home / f"{number}.jpg", quality=95)
        Image.fromarray(binary_HW if number or first is None else first).save(home / f"{number}.png")


def deeppcb(folder: Path) -> None:
    for number in range(10000, 10004):
        pictures(folder, f"{number}_temp.png", f"{number}_test.png")
        (folder / f"{number}.txt").write_text("10 8 80 64 1\n")


def with_file(plant: Callable[[Path], None], name: str, text: str) -> Callable[[Path], None]:
    def planted(folder: Path) -> None:
        plant(folder)
        (folder / name).write_text(text)

    return planted


def in_batches(folder: Path) -> None:
    """The same classes in the folders of two sessions."""
    pictures(folder, *(f"batch_{at % 2}/psa{8 + at % 3}/{at}.png" for at in range(12)))


def with_lists(plant: Callable[[Path], None], **parts: tuple[str, ...]) -> Callable[[Path], None]:
    """With a list of images for each part of a split, as VOC has them."""

    def planted(folder: Path) -> None:
        plant(folder)
        home = folder / "ImageSets/Main"
        home.mkdir(parents=True)
        for part, names in parts.items():
            (home / f"{part}.txt").write_text("\n".join(names))

    return planted


def in_utf16(plant: Callable[[Path], None], name: str) -> Callable[[Path], None]:
    def planted(folder: Path) -> None:
        plant(folder)
        (folder / name).write_text((folder / name).read_text(), encoding="utf-16")

    return planted


def without(plant: Callable[[Path], None], name: str) -> Callable[[Path], None]:
    def planted(folder: Path) -> None:
        plant(folder)
        (folder / name).unlink()

    return planted


def lights(folder: Path) -> None:
    labelme(folder)
    pictures(folder, *(f"lights/000_{light}.png" for light in ("Up", "Down", "Left", "Right")))


def misspelt(folder: Path) -> None:
    labelme(folder, imagePath="OmarVisquel_1.png")
    pictures(folder, "OmarVizquel_1.png")
    (folder / "000.json").rename(folder / "OmarVisquel_1.json")


def picture_inside(folder: Path) -> None:
    labelme(folder, imageData="iVBOR")
    (folder / "000.png").unlink()


def loose(folder: Path) -> None:
    folders(folder)
    pictures(folder, "loose.png")


def grey() -> np.ndarray:
    return np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))


def mask_shape(text: object, corner: float = 10.0) -> dict[str, object]:
    points = [[corner, corner], [corner + 19, corner + 9]]
    return {"label": "defect", "shape_type": "mask", "points": points, "mask": text}


def some(value: int, *, height: int = HEIGHT) -> np.ndarray:
    return np.full((height, WIDTH), value, dtype=np.uint8)


def folder_fault(rule: str) -> Callable[[Path], None]:
    def planted(folder: Path) -> None:
        random = np.random.default_rng(0)
        fault = {**LIT_FAULTS, **TOOL_FAULTS}[rule]
        fault.write(folder, random)
        fault.plant(folder, random)

    return planted


def lit_set(folder: Path) -> None:
    lit.diligent(folder, np.random.default_rng(0))


def twice_annotated(folder: Path) -> None:
    """Boxes of two formats on the same images, with one box more in one of them."""
    voc(folder)
    for path in sorted(folder.glob("*.png")):
        path.with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2\n" * (2 if path.stem == "000" else 1))


def masks_beside_boxes(folder: Path) -> None:
    voc(folder)
    pictures(folder, "masks/000.png", "masks/001_mask.png")


NAMED = VOC.format(name="000")
BILLION = '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>'
Further = tuple[Callable[[Path], None], dict[str, object]]

FURTHER: dict[str, Further] = {
    **{rule: (folder_fault(rule), dict(fault.how)) for rule, fault in {**LIT_FAULTS, **TOOL_FAULTS}.items()},
    "format.name_mismatch": (misspelt, {}),
    "format.filename_bare": (with_file(voc, "000.xml", NAMED.replace("000.png", "000")), {}),
    "format.filename_other": (with_file(voc, "000.xml", NAMED.replace("000.png", "gone.bmp")), {}),
    "format.image_elsewhere": (with_file(voc, "000.xml", NAMED.replace("000.png", "C:\\cards\\000.png")), {}),
    "format.name_case": (with_file(voc, "000.xml", NAMED.replace("000.png", "000.PNG")), {}),
    "format.name_encoded": (with_file(voc, "000.xml", NAMED.replace("000.png", "%30%30%30.png")), {}),
    "format.encoding": (in_utf16(labelme, "000.json"), {}),
    "format.several_formats": (with_file(voc, "000.txt", "0 0.5 0.5 0.2 0.2"), {}),
    "format.ambiguous": (twice_annotated, {}),
    "format.derived_pictures": (masks_beside_boxes, {}),
    "format.declaration": (with_file(folders, "truscore.json", '{"mask_threshold": "half"}'), {}),
    "format.class_map": (with_file(folders, "truscore.json", '{"class_map": {"psa1": "one"}}'), {}),
    "format.list_absolute": (with_file(voc, "train.txt", "C:\\cards\\000.png\n"), {}),
    "format.list_unresolved": (with_file(voc, "val.txt", "elsewhere.png\n"), {}),
    "format.parts_stated": (with_lists(voc, train=("000", "001", "002", "003"), val=("004", "005")), {}),
    "format.parts_unclear": (with_lists(voc, train=("000", "001", "002"), val=("004", "005")), {}),
    "format.link_as_text": (with_file(voc, "images", "../other/images"), {}),
    "format.nearest": (with_file(pictures, "labels.csv", "a,b\n1,2\n"), {}),
    "format.pictures_unread": (with_file(folders, "001.jxl", "raw"), {}),
    "format.file_unknown": (with_file(folders, "test", "\n"), {}),
    "format.voc.missing": (pictures, {"format": "voc"}),
    "format.voc.invalid_xml": (with_file(voc, "000.xml", BILLION), {}),
    "format.voc.structure": (with_file(voc, "about.xml", "<dataset/>"), {}),
    "format.labelme.missing": (pictures, {"format": "labelme"}),
    "format.labelme.invalid_json": (with_file(labelme, "odd.json", '{"shapes": ['), {}),
    "format.labelme.picture_inside": (picture_inside, {}),
    "format.labelme.lights": (lights, {}),
    "format.folder.no_class": (loose, {}),
    "format.folder.levels": (in_batches, {}),
    "format.csv.missing": (pictures, {"format": "csv"}),
    "format.csv.unreadable": (with_file(voc, "labels.csv", 'a,"b\nc'), {"format": "csv"}),
    "format.csv.row": (lambda folder: table(folder, "000.png,bad"), {}),
    "format.csv.value": (lambda folder: table(folder, "000.png,bad,sharp", header="filename,label,score:a"), {}),
    "format.csv.label_missing": (lambda folder: table(folder, "000.png,,0.5"), {}),
    "format.csv.column_unused": (lambda folder: table(folder, "000.png,bad,", header="filename,label,id"), {}),
    "format.csv.columns_by_values": (rows(*(f"{n:03}.png,{n % 2 + 8}" for n in range(6))), {}),
    "format.csv.boxes_by_values": (rows(BOXES, *(f"{n:03}.png,dent,0.1,0.1,0.5,0.5" for n in range(6))), {}),
    "format.csv.boxes_undecided": (rows(*(f"{n:03}.png,10,10,20,20,dent" for n in range(6))), {}),
    "format.csv.rows_repeated": (twice, {}),
    "format.grade_missing": (rows("filename,grade", *(f"{n:03}.png,{n % 2 + 8 if n else 'NA'}" for n in range(6))), {}),
    "format.grades_merged": (
        rows("filename,grade", *(f"{n:03}.png,{n % 2 + 8 if n else 'PSA 8'}" for n in range(6))),
        {},
    ),
    "format.masks.missing": (pictures, {"format": "masks"}),
    "format.masks.image_without_mask": (without(masks, "scratched/0.png"), {}),
    "format.deeppcb.missing": (pictures, {"format": "deeppcb"}),
    "format.deeppcb.templates": (deeppcb, {}),
    "format.truscore.missing": (pictures, {"format": "truscore"}),
    "format.truscore.invalid": (indexed(lambda text: text[:-9]), {"format": "truscore"}),
    "format.truscore.image_changed": (indexed(lambda text: text.replace('"sha256":"', '"sha256":"0')), {}),
    "label.ignored_region": (lambda folder: labelme(folder, shapes=[SHAPE, SHAPE | {"label": "__ignore__"}]), {}),
    "label.mask_unreadable": (lambda folder: labelme(folder, shapes=[mask_shape("no picture")]), {}),
    "label.mask_size": (lambda folder: masks(folder, some(0, height=HEIGHT // 2)), {}),
    "label.mask_values": (lambda folder: masks(folder, grey() // 80), {}),
    "label.mask_not_binary": (lambda folder: masks(folder, grey()), {}),
    "label.empty_mask": (lambda folder: masks(folder, some(0)), {}),
    "label.good_but_marked": (lambda folder: masks(folder, name="good"), {}),
}

# Bounds that hold for every format.
BOUNDED: dict[str, tuple[Callable[[Path], None], Limits]] = {
    "format.voc.invalid_xml": (voc, Limits(label_file_bytes=100)),
    "format.labelme.invalid_json": (labelme, Limits(annotation_file_bytes=60)),
    "format.csv.unreadable": (table, Limits(annotation_file_bytes=60)),
    "format.multi_light.unreadable": (lit_set, Limits(label_file_bytes=100)),
    "label.too_many": (lambda folder: labelme(folder, shapes=[SHAPE] * 3), Limits(annotations_per_image=2)),
}
