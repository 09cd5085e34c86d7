"""Faults of files: each damages one file of a small COCO or YOLO folder, so that the reader has something to say."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT, COUNT = 96, 72, 6
Content = dict[str, Any]
FileFault = Callable[[np.random.Generator, Path, Content], None]
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n" % (b"0" * 64)


def write_coco(folder: Path, random: np.random.Generator, fault: FileFault | None = None) -> Path:
    """Six pictures with one box each; the fault may change files, and content before it is written."""
    names = _pictures(folder, random)
    content: Content = {
        "images": [{"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(names)],
        "categories": [{"id": 1, "name": "border"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [8.0, 6.0, 70.0, 50.0], "iscrowd": 0, "area": 3500.0}
            for n in range(COUNT)
        ],
    }
    if fault is not None:
        fault(random, folder, content)
    if content:
        (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def _pictures(folder: Path, random: np.random.Generator) -> list[str]:
    (folder / "images").mkdir(parents=True)
    names = [f"images/{number:03}.jpg" for number in range(COUNT)]
    for name in names:
        cells_HWC = random.integers(0, 256, size=(HEIGHT // 6, WIDTH // 6, 3), dtype=np.uint8)
        Image.fromarray(cells_HWC.repeat(6, axis=0).repeat(6, axis=1)).save(folder / name, quality=95)
    return names


def _any_picture(random: np.random.Generator, folder: Path) -> Path:
    return folder / "images" / f"{int(random.integers(COUNT)):03}.jpg"


def bytes_changed(change: Callable[[np.random.Generator, bytes], bytes]) -> FileFault:
    def plant(random: np.random.Generator, folder: Path, _content: Content) -> None:
        path = _any_picture(random, folder)
        path.write_bytes(change(random, path.read_bytes()))

    return plant


def entry(where: str, change: Callable[[np.random.Generator, dict[str, Any]], dict[str, Any]]) -> FileFault:
    """One entry of a COCO list changed."""

    def plant(random: np.random.Generator, _folder: Path, content: Content) -> None:
        one = content[where][int(random.integers(len(content[where])))]
        one.update(change(random, one))

    return plant


def _gone(random: np.random.Generator, folder: Path, _content: Content) -> None:
    _any_picture(random, folder).unlink()


def _extra(random: np.random.Generator, folder: Path, _content: Content) -> None:
    source = _any_picture(random, folder)
    (folder / "images" / f"extra{random.integers(99)}.jpg").write_bytes(source.read_bytes())


def _wrapped(random: np.random.Generator, _folder: Path, content: Content) -> None:
    inner = dict(content)
    content.clear()
    content[str(random.choice(["coco_data", "data", "dataset"]))] = inner


def without(name: str) -> FileFault:
    """A partial COCO object."""
    return lambda _random, _folder, content: content.pop(name) and None


def _strayed(random: np.random.Generator, _folder: Path, content: Content) -> None:
    content[str(random.choice(["images", "annotations"]))].append("a text")


def _cut_json(random: np.random.Generator, folder: Path, content: Content) -> None:
    text = json.dumps(content)
    content.clear()
    (folder / "annotations.json").write_text(text[: int(random.uniform(0.3, 0.9) * len(text))])


def _same_id(random: np.random.Generator, _folder: Path, content: Content) -> None:
    one, other = random.choice(COUNT, size=2, replace=False)
    content["annotations"][int(one)]["id"] = content["annotations"][int(other)]["id"]


def _described_twice(random: np.random.Generator, _folder: Path, content: Content) -> None:
    content["images"].append({**content["images"][int(random.integers(COUNT))], "id": 1000})


def _turned(random: np.random.Generator, folder: Path, _content: Content) -> None:
    path = _any_picture(random, folder)
    exif = Image.Exif()
    exif[0x0112] = int(random.choice([6, 8]))
    Image.open(io.BytesIO(path.read_bytes())).save(path, exif=exif, quality=95)


def _climbing(random: np.random.Generator, _one: dict[str, Any]) -> dict[str, Any]:
    return {"file_name": str(random.choice(["../../secret.jpg", "/etc/passwd", "images/../../x.jpg"]))}


def _cut_off(random: np.random.Generator, content: bytes) -> bytes:
    return content[: int(random.uniform(0.3, 0.8) * len(content))]


def _elsewhere(random: np.random.Generator, _one: dict[str, Any]) -> dict[str, Any]:
    return {"image_id": int(random.integers(100, 999))}


FILES: Mapping[str, FileFault] = {
    "image.empty_file": bytes_changed(lambda *_: b""),
    "image.not_an_image": bytes_changed(lambda random, _: b"<html>" + random.bytes(200)),
    "image.truncated": bytes_changed(_cut_off),
    "image.lfs_pointer": bytes_changed(lambda *_: LFS),
    "image.unsupported": bytes_changed(lambda random, _: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + random.bytes(99)),
    "format.image_missing": _gone,
    "format.image_unlisted": _extra,
    "format.path_escape": entry("images", _climbing),
    "format.size_swapped": entry("images", lambda *_: {"width": HEIGHT, "height": WIDTH}),
    "format.size_mismatch": entry(
        "images", lambda random, _: {"width": int(WIDTH * random.uniform(1.2, 3)), "height": HEIGHT}
    ),
    "format.size_missing": entry("images", lambda *_: {"width": None}),
    "format.exif_ignored": _turned,
    "format.duplicate_image": _described_twice,
    "format.coco.wrapped": _wrapped,
    "format.coco.missing": without("images"),
    "format.coco.no_categories": without("categories"),
    "format.coco.structure": _strayed,
    "format.coco.duplicate_id": _same_id,
    "format.coco.invalid_json": _cut_json,
    "label.unknown_image": entry("annotations", _elsewhere),
    "label.malformed": entry("annotations", lambda *_: {"bbox": "wide"}),
}
