"""Faults of whole folders: what an upload, an export or an annotation tool leaves behind."""

import base64
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from truscore.datasets import Limits

from tests.planted_faults import folders as sound
from tests.planted_faults.folders import HEIGHT, WIDTH, FolderFault, Random, Write, any_of

BORDERS = {"category": "border_detection", "option": "dual_class"}


def one_of(*changes: Write) -> Write:
    """One of several ways to spoil it."""
    return lambda folder, random: changes[int(random.integers(len(changes)))](folder, random)


def then(*changes: Write) -> Write:
    def plant(folder: Path, random: Random) -> None:
        for change in changes:
            change(folder, random)

    return plant


def file(name: str, content: str | bytes | Callable[[Random], str]) -> Write:
    def plant(folder: Path, random: Random) -> None:
        made = content(random) if callable(content) else content
        (folder / name).write_bytes(made if isinstance(made, bytes) else made.encode())

    return plant


def gone(pattern: str, *, all_of_them: bool = False) -> Write:
    def plant(folder: Path, random: Random) -> None:
        for path in sorted(folder.glob(pattern)) if all_of_them else [any_of(random, folder, pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return plant


def cut(pattern: str) -> Write:
    """The end of a file missing."""

    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, pattern)
        content = path.read_bytes()
        path.write_bytes(content[: int(random.uniform(0.3, 0.9) * len(content))])

    return plant


def rewritten(pattern: str, change: Callable[[Random, str], str]) -> Write:
    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, pattern)
        path.write_text(change(random, path.read_text()))

    return plant


def in_utf16(pattern: str) -> Write:
    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, pattern)
        path.write_text(path.read_text(), encoding="utf-16")

    return plant


def table_of(fields: Callable[[int], str], heading: str = "") -> str:
    """A row for each picture of a sound folder."""
    lines = [f"{number:03}.png,{fields(number)}" for number in range(sound.COUNT)]
    return "\n".join([*([heading] if heading else []), *lines]) + "\n"


def any_word(random: Random) -> str:
    """A word that means that there is no grade."""
    return str(random.choice(("NA", "N/A", "-", "ungraded", "unknown")))


def content(pattern: str, change: Callable[[Random, dict[str, Any]], object]) -> Write:
    """The content of a JSON file changed."""

    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, pattern)
        plain = json.loads(path.read_text())
        change(random, plain)
        path.write_text(json.dumps(plain))

    return plant


def images(folder: Path, random: Random, *, first: int = 100, count: int = 30) -> None:
    sound.pictures(folder, random, *(f"images/{number}.png" for number in range(first, first + count)))


def twins(folder: Path, random: Random) -> None:
    sound.pictures(folder, random, "a/twin.png", "b/twin.png")
    content("annotations.json", lambda _, plain: plain["images"][0].update(file_name="twin.png"))(folder, random)


def link_outside(folder: Path, random: Random) -> None:
    target = ("/etc/hostname", "../../elsewhere.png", "/nowhere")[int(random.integers(3))]
    (folder / f"images/out{random.integers(9)}.png").symlink_to(target)


def name_not_text(folder: Path, random: Random) -> None:
    name = b"\xff\xfe%d.png" % random.integers(99)
    sound.picture(random).save(folder / "images" / os.fsdecode(name))


def misspelt(folder: Path, random: Random) -> None:
    """One letter of the image's name is another one than the annotation has."""
    place, name = int(random.integers(1, 10)), "OmarVizquel_1"
    other = name[:place] + ("q" if name[place] != "q" else "k") + name[place + 1 :]
    sound.pictures(folder, random, f"{other}.png")
    sound.labelme_file(folder, random, name, imagePath=f"{name}.png")


def misnamed(folder: Path, random: Random, *, name: str) -> None:
    stem = any_of(random, folder, "*.xml").stem
    sound.voc_file(folder, random, stem, filename=name.format(stem))


def other_labels(folder: Path, random: Random) -> None:
    """Label files of another format for the same images, with one mark more on one of them."""
    for path in sorted(folder.glob("*.png")):
        path.with_suffix(".txt").write_text(sound.yolo_row(random, 0) + "\n")
    with any_of(random, folder, "*.txt").open("a") as rows:
        rows.write(sound.yolo_row(random, 0) + "\n")


def listed(folder: Path, random: Random, *, left_out: int) -> None:
    """A list of images for each part of a split, as VOC has them, without some images."""
    names = [path.stem for path in sorted(folder.glob("*.png"))]
    random.shuffle(names)
    kept = names[left_out:]
    home = folder / "ImageSets/Main"
    home.mkdir(parents=True)
    for part, names_of_part in (("train", kept[:-2]), ("val", kept[-2:])):
        (home / f"{part}.txt").write_text("\n".join(names_of_part))


def in_batches(folder: Path, random: Random) -> None:
    """The same classes in the folders of several sessions."""
    count = int(random.integers(2, 4))
    names = [
        f"batch_{batch}/psa{grade}/{batch}{grade}{at}.png" for batch in range(count) for grade in (8, 9) for at in "ab"
    ]
    sound.pictures(folder, random, *names)


def previews(folder: Path, random: Random) -> None:
    path = any_of(random, folder, "*.png")
    made = folder / str(random.choice(["masks", "overlays", "."])) / f"{path.stem}_mask.png"
    made.parent.mkdir(exist_ok=True)
    shutil.copy(path, made)


def lights(folder: Path, random: Random) -> None:
    stem = any_of(random, folder, "*.json").stem
    sound.pictures(folder, random, *(f"lights/{stem}_{light}.png" for light in ("Up", "Down", "Left", "Right")))


def picture_inside(folder: Path, random: Random) -> None:
    path = any_of(random, folder, "*.json")
    inside = io.BytesIO()
    sound.picture(random).save(inside, "PNG")
    text = base64.b64encode(inside.getvalue()).decode()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"imageData": text}))
    path.with_suffix(".png").unlink()


def shape(**changes: object) -> Write:
    return content(
        "*.json", lambda random, plain: plain["shapes"].append(sound.triangle(random) | dict(changes))
    )  # fmt: skip


def masked(make: Callable[[Random], np.ndarray]) -> Write:
    """One mask painted otherwise."""

    def plant(folder: Path, random: Random) -> None:
        Image.fromarray(make(random).astype(np.uint8)).save(any_of(random, folder, "scratched/*.png"))

    return plant


def ramp(random: Random) -> np.ndarray:
    """Soft edges, as an anti-aliased brush paints them."""
    return np.tile(np.linspace(0, 255, WIDTH) * random.uniform(0.8, 1), (HEIGHT, 1))


def flipped(folder: Path, random: Random) -> None:
    """Bits of the compressed pixels changed: PNG has a checksum, so that none goes unseen."""
    path = any_of(random, folder, "images/*.png")
    raw = bytearray(path.read_bytes())
    begin = raw.index(b"IDAT") + 4
    at = begin + int(random.integers(0, 40))
    raw[at : at + 8] = bytes(value ^ 0xFF for value in raw[at : at + 8])
    path.write_bytes(bytes(raw))


def large(folder: Path, random: Random) -> None:
    side = int(random.integers(20, 40)) * 6
    sound.picture(random, width=side, height=side).save(any_of(random, folder, "images/*.png"))


def padded(folder: Path, random: Random) -> None:
    path = any_of(random, folder, "images/*.png")
    path.write_bytes(path.read_bytes() + random.bytes(100_000))


def instead(write: Write) -> Write:
    """Another folder in its place."""
    return then(gone("*", all_of_them=True), write)


SECOND = json.dumps({"images": [], "annotations": [], "categories": [{"id": 1, "name": "something_else"}]})
ROWS = "labels.csv"
BOXES = "filename,class,xmin,ymin,xmax,ymax"
UNUSABLE = ('{"mask_threshold": "half"}', '{"classes": "a, b"}', '{"grades": [1]}', '{"odd": 1}', "[1, 2]", "{")
RAW = (".jxl", ".dng", ".CR2", ".nef")
ELSEWHERE = ("C:\\cards\\000.png\n", "/home/anna/cards/000.png\n", "../../000.png\n")
CUT_NAMES = ("names: [a, b", "names: {0: [", "\tnames: a: b: c")

FOLDERS: Mapping[str, FolderFault] = {
    "format.nearest": FolderFault(write=sound.coco, plant=gone("annotations.json")),
    "format.unrecognised": FolderFault(write=sound.coco, plant=gone("annotations.json")),
    "format.empty": FolderFault(write=sound.coco, plant=gone("*", all_of_them=True)),
    "format.too_many_files": FolderFault(write=sound.coco, plant=images, how={"limits": Limits(files=20)}),
    "format.link_outside": FolderFault(write=sound.coco, plant=link_outside),
    "format.name_not_text": FolderFault(write=sound.coco, plant=name_not_text),
    "format.image_ambiguous": FolderFault(write=sound.coco, plant=twins),
    "format.class_names_differ": FolderFault(
        write=sound.coco,
        plant=content("annotations.json", lambda _, plain: plain["categories"][0].update(name="card")),
        how={"class_names": ("border",)},
    ),
    "format.name_mismatch": FolderFault(write=sound.labelme, plant=misspelt),
    "format.filename_bare": FolderFault(write=sound.voc, plant=lambda *at: misnamed(*at, name="{}")),
    "format.filename_other": FolderFault(write=sound.voc, plant=lambda *at: misnamed(*at, name="gone_{}.bmp")),
    "format.image_elsewhere": FolderFault(write=sound.voc, plant=lambda *at: misnamed(*at, name="C:\\cards\\{}.png")),
    "format.name_case": FolderFault(write=sound.voc, plant=lambda *at: misnamed(*at, name="{}.PNG")),
    "format.name_encoded": FolderFault(write=sound.voc, plant=lambda *at: misnamed(*at, name="{}%2Epng")),
    "format.encoding": FolderFault(write=sound.labelme, plant=in_utf16("*.json")),
    "format.several_formats": FolderFault(
        write=sound.voc, plant=file("000.txt", lambda random: sound.yolo_row(random, 0))
    ),
    "format.ambiguous": FolderFault(write=sound.voc, plant=other_labels),
    "format.derived_pictures": FolderFault(write=sound.voc, plant=previews),
    "format.declaration": FolderFault(
        write=sound.folders, plant=file("truscore.json", lambda random: str(random.choice(UNUSABLE)))
    ),
    "format.class_map": FolderFault(
        write=sound.folders, plant=file("truscore.json", '{"class_map": {"psa1": "one", "psa99": "two"}}')
    ),
    "format.list_absolute": FolderFault(
        write=sound.voc, plant=file("train.txt", lambda random: str(random.choice(ELSEWHERE)))
    ),
    "format.list_unresolved": FolderFault(
        write=sound.voc, plant=file("val.txt", lambda random: f"card{random.integers(999)}.png\n")
    ),
    "format.parts_stated": FolderFault(
        write=sound.voc, plant=lambda folder, random: listed(folder, random, left_out=0)
    ),
    "format.parts_unclear": FolderFault(
        write=sound.voc, plant=lambda folder, random: listed(folder, random, left_out=int(random.integers(1, 3)))
    ),
    "format.link_as_text": FolderFault(write=sound.voc, plant=file("images", "../other/images")),
    "format.pictures_unread": FolderFault(
        write=sound.folders,
        plant=lambda folder, random: file(f"raw{random.choice(RAW)}", "raw")(folder, random),
    ),
    "format.file_unknown": FolderFault(
        write=sound.folders, plant=file("test", lambda random: "\n" * random.integers(9))
    ),
    "format.voc.missing": FolderFault(write=sound.voc, plant=gone("*.xml", all_of_them=True), how={"format": "voc"}),
    "format.voc.invalid_xml": FolderFault(write=sound.voc, plant=cut("*.xml")),
    "format.voc.structure": FolderFault(write=sound.voc, plant=file("about.xml", "<dataset/>")),
    "format.labelme.missing": FolderFault(
        write=sound.labelme, plant=gone("*.json", all_of_them=True), how={"format": "labelme"}
    ),
    "format.labelme.invalid_json": FolderFault(write=sound.labelme, plant=cut("*.json")),
    "format.labelme.picture_inside": FolderFault(write=sound.labelme, plant=picture_inside),
    "format.labelme.lights": FolderFault(write=sound.labelme, plant=lights),
    "format.folder.no_class": FolderFault(
        write=sound.folders, plant=lambda folder, random: sound.pictures(folder, random, "loose.png")
    ),
    "format.folder.levels": FolderFault(write=sound.folders, plant=instead(in_batches)),
    "format.csv.missing": FolderFault(write=sound.table, plant=gone(ROWS), how={"format": "csv"}),
    "format.csv.unreadable": FolderFault(
        write=sound.table,
        plant=one_of(file(ROWS, 'filename,label\n"a,bad\n'), file(ROWS, b"\xff\xfe\x00\x01" * 9)),
        how={"format": "csv"},
    ),
    "format.csv.row": FolderFault(write=sound.table, plant=rewritten(ROWS, lambda _, text: text + "000.png,bad\n")),
    "format.csv.value": FolderFault(
        write=sound.table, plant=rewritten(ROWS, lambda _, text: text + "000.png,bad,sharp\n")
    ),
    "format.csv.label_missing": FolderFault(
        write=sound.table, plant=rewritten(ROWS, lambda random, text: text + f"000.png,,{random.uniform():.2f}\n")
    ),
    "format.csv.column_unused": FolderFault(
        write=sound.table,
        plant=rewritten(ROWS, lambda _, text: "\n".join(f"{line},{n or 'id'}" for n, line in enumerate(text.split()))),
    ),
    "format.csv.columns_by_values": FolderFault(
        write=sound.table, plant=file(ROWS, lambda random: table_of(lambda n: f"{random.integers(8, 10)}"))
    ),
    "format.csv.boxes_by_values": FolderFault(
        write=sound.table,
        plant=file(ROWS, lambda random: table_of(lambda n: f"dent,0.1,0.{random.integers(1, 5)},0.7,0.8", BOXES)),
    ),
    "format.csv.boxes_undecided": FolderFault(
        write=sound.table,
        plant=file(ROWS, lambda random: table_of(lambda n: f"4,4,{20 + random.integers(2)},30,dent")),
    ),
    "format.csv.rows_repeated": FolderFault(
        write=sound.table, plant=lambda folder, _: shutil.copyfile(folder / ROWS, folder / "train.csv") and None
    ),
    "format.grade_missing": FolderFault(
        write=sound.table,
        plant=file(
            ROWS, lambda random: table_of(lambda n: str(n % 2 + 8) if n else any_word(random), "filename,grade")
        ),
    ),
    "format.grades_merged": FolderFault(
        write=sound.table,
        plant=file(ROWS, lambda _: table_of(lambda n: f"PSA {n % 2 + 8}" if n else "8", "filename,grade")),
    ),
    "format.truscore.missing": FolderFault(
        write=sound.indexed, plant=gone("dataset-index.json"), how={"format": "truscore"}
    ),
    "format.truscore.invalid": FolderFault(write=sound.indexed, plant=cut("dataset-index.json")),
    "format.truscore.image_changed": FolderFault(
        write=sound.indexed,
        plant=lambda folder, random: sound.picture(random).save(any_of(random, folder, "*.png")),
    ),
    "format.masks.missing": FolderFault(
        write=sound.masks, plant=gone("scratched/*.png", all_of_them=True), how={"format": "masks"}
    ),
    "format.masks.image_without_mask": FolderFault(write=sound.masks, plant=gone("scratched/*.png")),
    "format.deeppcb.missing": FolderFault(
        write=sound.deeppcb, plant=gone("*.txt", all_of_them=True), how={"format": "deeppcb"}
    ),
    "format.deeppcb.templates": FolderFault(write=sound.voc, plant=instead(sound.deeppcb)),
    "format.coco.too_large": FolderFault(
        write=sound.coco,
        plant=rewritten("annotations.json", lambda random, text: text + " " * int(random.integers(9000, 20_000))),
        how={"format": "coco", "limits": Limits(annotation_file_bytes=8000)},
    ),
    "format.coco.categories_differ": FolderFault(write=sound.coco, plant=file("other.json", SECOND)),
    "format.yolo.missing": FolderFault(write=sound.yolo, plant=gone("labels"), how={"format": "yolo"}),
    "format.yolo.invalid_yaml": FolderFault(
        write=sound.yolo, plant=file("data.yaml", lambda random: str(random.choice(CUT_NAMES)))
    ),
    "format.yolo.paths_unresolved": FolderFault(
        write=sound.yolo, plant=rewritten("data.yaml", lambda _, text: text.replace("train: ", "train: ../../card/"))
    ),
    "format.yolo.no_names": FolderFault(write=sound.yolo, plant=gone("data.yaml")),
    "format.yolo.count_mismatch": FolderFault(
        write=sound.yolo,
        plant=rewritten("data.yaml", lambda random, text: text.replace("nc: 2", f"nc: {random.integers(3, 90)}")),
    ),
    "format.yolo.label_unreadable": FolderFault(
        write=sound.yolo, plant=file("labels/002.txt", b"\x89PNG\r\n\x1a\n\0\0\0\r")
    ),
    "format.yolo.image_without_label": FolderFault(write=sound.yolo, plant=gone("labels/*.txt")),
    "format.yolo.label_without_image": FolderFault(write=sound.yolo, plant=gone("images/*.png")),
    "label.names_assumed": FolderFault(write=sound.yolo, plant=gone("data.yaml"), how=BORDERS),
    "label.not_normalised": FolderFault(
        write=sound.yolo,
        plant=rewritten("labels/*.txt", lambda random, text: f"{text}\n0 {random.integers(2, 90)} 36 20 20"),
    ),
    "label.ignored_region": FolderFault(write=sound.labelme, plant=shape(label="__ignore__")),
    "label.mask_unreadable": FolderFault(
        write=sound.labelme,
        plant=one_of(
            shape(shape_type="mask", points=[[9, 9], [28, 18]], mask="no picture"),
            shape(shape_type="mask", points=[[9, 9], [28, 18]], mask=base64.b64encode(b"\x89PNG cut").decode()),
        ),
    ),
    "label.mask_size": FolderFault(write=sound.masks, plant=masked(lambda _: np.zeros((HEIGHT // 2, WIDTH)))),
    "label.mask_values": FolderFault(
        write=sound.masks, plant=masked(lambda random: ramp(random) // int(random.integers(50, 100)))
    ),
    "label.mask_not_binary": FolderFault(write=sound.masks, plant=masked(ramp)),
    "label.empty_mask": FolderFault(write=sound.masks, plant=masked(lambda _: np.zeros((HEIGHT, WIDTH)))),
    "label.good_but_marked": FolderFault(
        write=sound.masks, plant=lambda folder, _: shutil.copytree(folder / "scratched", folder / "good") and None
    ),
    "label.too_many": FolderFault(
        write=sound.yolo,
        plant=rewritten("labels/*.txt", lambda random, text: "\n".join([text] * int(random.integers(4, 9)))),
        how={"limits": Limits(annotations_per_image=5)},
    ),
    "image.corrupt": FolderFault(write=sound.coco, plant=flipped),
    "image.too_many_pixels": FolderFault(
        write=sound.coco, plant=large, how={"limits": Limits(image_pixels=WIDTH * HEIGHT)}
    ),
    "image.file_too_large": FolderFault(write=sound.coco, plant=padded, how={"limits": Limits(image_bytes=100_000)}),
}
