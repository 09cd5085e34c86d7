"""Images to measure the validator with: real ones where there are any, else rendered; as a COCO dataset."""

import json
import random
import shutil
from itertools import zip_longest
from pathlib import Path

from PIL import Image
from truscore.datasets import UnreadableImage, load_image
from truscore.synthesis import render_dataset

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp"}
SETS = ("car_damage_coco", "truscore_card_borders_yolo", "psa_grades_150x200", "neu_det_voc", "playing_cards_voc")


def published_images(shared_data: Path, *, most: int) -> list[Path]:
    """Real images, from every set in turn, of all sizes there are."""
    folders = [sorted(filter(_is_image, (shared_data / name).rglob("*"))) for name in SETS]
    in_turn = [path for row in zip_longest(*folders) for path in row if path is not None]
    found = dict.fromkeys(path.resolve() for path in in_turn)
    return [path for path in found if _is_whole(path)][:most]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.is_symlink()


def _is_whole(path: Path) -> bool:
    try:
        load_image(path)
    except UnreadableImage:
        return False
    return True


def rendered_images(folder: Path, *, count: int) -> list[Path]:
    """Rendered cards of 640 px."""
    render_dataset(folder, count=count, seed=1, image_size=(640, 640))
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def as_dataset(images: list[Path], folder: Path) -> Path:
    """The images, each with one box, in COCO."""
    (folder / "images").mkdir(parents=True)
    entries, marks = [], []
    for number, path in enumerate(images):
        name = f"images/{number:06}{path.suffix.lower()}"
        shutil.copyfile(path, folder / name)
        with Image.open(path) as image:
            width, height = image.size
        entries.append({"id": number, "file_name": name, "width": width, "height": height})
        box = [width * 0.25, height * 0.25, width * 0.5, height * 0.5]
        marks.append({"id": number, "image_id": number, "category_id": 1, "bbox": box, "area": box[2] * box[3]})
    content = {"images": entries, "annotations": marks, "categories": [{"id": 1, "name": "card"}]}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def changed(folder: Path, *, share: float, seed: int = 1) -> int:
    """Change this share of the images, seen but slightly; how many."""
    paths = sorted((folder / "images").iterdir())
    count = max(1, round(len(paths) * share))
    for path in random.Random(seed).sample(paths, count):
        with Image.open(path) as image:
            image.load()
        image.putpixel((0, 0), seed if image.mode == "L" else tuple(seed for _ in image.getbands()))
        image.save(path)
    return count
