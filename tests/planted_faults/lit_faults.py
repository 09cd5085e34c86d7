"""Faults of objects under many lights: of their lists, masks, normal maps and depths."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from tests.planted_faults import lit
from tests.planted_faults.folder_faults import cut, file, gone, instead, one_of, rewritten, then
from tests.planted_faults.folders import FolderFault, Random, Write, any_of

NORMALS = {"category": "photometric_stereo", "option": "surface_normal_estimation"}
DIRECTIONS, INTENSITIES = "**/light_directions.txt", "**/light_intensities.txt"
Row = Callable[[Random, list[float]], list[float] | str]


def row(pattern: str, change: Row) -> Write:
    """One line of a list of lights changed."""

    def one(random: Random, text: str) -> str:
        lines = text.splitlines()
        place = int(random.integers(len(lines)))
        made = change(random, [float(word) for word in lines[place].split()])
        lines[place] = made if isinstance(made, str) else " ".join(f"{value:.6f}" for value in made)
        return "\n".join(lines) + "\n"

    return rewritten(pattern, one)


def _shorter(random: Random, text: str) -> str:
    lines = text.splitlines()
    del lines[int(random.integers(len(lines)))]
    return "\n".join(lines) + "\n"


def _one_more(random: Random, text: str) -> str:
    return text + " ".join(f"{value:.6f}" for value in lit.lights(random, 1)[0]) + "\n"


def _in_plane(random: Random, text: str) -> str:
    """All lights above one line on the table."""
    turn = random.uniform(0, np.pi)
    tilt_L = np.linspace(-0.9, 0.9, len(text.splitlines()))
    rows = ((np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)) for tilt in tilt_L)
    return "".join(" ".join(f"{value:.4f}" for value in line) + "\n" for line in rows)


def _odd_length(random: Random, values: list[float]) -> list[float]:
    """Nothing, or a direction that holds brightness too."""
    scale = float(random.choice([0.0, random.uniform(0.1, 0.97), random.uniform(1.03, 40)]))
    return [value * scale for value in values]


def fewer(*counts: int) -> Write:
    """The object photographed again, under fewer lights."""

    def plant(folder: Path, random: Random) -> None:
        lit.diligent(folder, random, count=int(random.choice(counts)))

    return instead(plant)


def picture(pattern: str, change: Callable[[Random, Image.Image], Image.Image]) -> Write:
    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, pattern)
        change(random, Image.open(path)).save(path)

    return plant


def _other_size(random: Random, image: Image.Image) -> Image.Image:
    return image.resize((int(random.integers(40, 60)), int(random.integers(66, 90))))


def _specks(random: Random, image: Image.Image) -> Image.Image:
    """Black, or with a few pixels left."""
    mask_HW = np.zeros((image.height, image.width), dtype=np.uint8)
    mask_HW[0, : int(random.integers(4))] = 255
    return Image.fromarray(mask_HW)


def camera(key: str, change: Callable[[Any], Any]) -> Write:
    """What one of the cameras, or the file as a whole, says under a key."""

    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, "**/cameras.json")
        written = json.loads(path.read_text())
        names = sorted(written["views"])
        where = written if key in written else written["views"][names[int(random.integers(len(names)))]]
        where[key] = change(where[key])
        path.write_text(json.dumps(written))

    return plant


def pictures(change: Callable[[np.ndarray], np.ndarray]) -> Write:
    """All views of all objects, as numbers 0 to 255."""

    def plant(folder: Path, random: Random) -> None:
        for path in sorted(folder.rglob("[0-9]*.png")):
            values_HWC = np.asarray(Image.open(path).convert("RGB"), dtype=np.float64)
            Image.fromarray(np.clip(np.round(change(values_HWC)), 0, 255).astype(np.uint8)).save(path)

    return plant


def _y_down(random: Random, text: str) -> str:
    rows = ([float(word) for word in line.split()] for line in text.splitlines())
    return "".join(f"{x:.6f} {-y:.6f} {z:.6f}\n" for x, y, z in rows)


def _moved_camera(random: Random, image: Image.Image) -> Image.Image:
    """By a quarter of the picture between two views."""
    return ImageChops.offset(image, int(random.choice([-16, 16])), int(random.integers(-8, 9)))


def _nudged(random: Random, image: Image.Image) -> Image.Image:
    """By a few pixels, as a card that was touched between two views."""
    return ImageChops.offset(image, int(random.choice([-4, 4])), int(random.integers(-2, 3)))


def depth(change: Callable[[Random, np.ndarray], np.ndarray]) -> Write:
    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, "**/depth.npy")
        np.save(path, change(random, np.load(path)))

    return plant


def _holes(random: Random, depth_HW: np.ndarray) -> np.ndarray:
    """A line of the scanner or more is missing in the middle, where the object is."""
    start = int(random.integers(30, 40))
    depth_HW[start : start + int(random.integers(5, 20))] = random.choice([np.nan, np.inf, -np.inf])
    return depth_HW


def normals(change: Callable[[Random, np.ndarray], np.ndarray]) -> Write:
    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, "**/normals.npy")
        np.save(path, change(random, np.load(path)))

    return plant


def reflectance(change: Callable[[Random, np.ndarray], np.ndarray]) -> Write:
    def plant(folder: Path, random: Random) -> None:
        path = any_of(random, folder, f"**/{random.choice(list(lit.REFLECTANCE))}.npy")
        np.save(path, change(random, np.load(path)))

    return plant


def _impossible(random: Random, values_HW: np.ndarray) -> np.ndarray:
    """In percent, in numbers of eight bits, below zero, or none."""
    return np.full_like(values_HW, random.choice([80.0, 200.0, -0.5, np.nan]))


def _not_unit(random: Random, normals_HWXYZ: np.ndarray) -> np.ndarray:
    scale = float(random.choice([0.5, 255.0, random.uniform(1.1, 3)]))
    return normals_HWXYZ * np.float32(scale)


def _lines(text: Callable[[Random, str], str]) -> Write:
    return rewritten(DIRECTIONS, text)


def _sound(write: Write, plant: Write) -> FolderFault:
    return FolderFault(write=write, plant=plant, how=NORMALS)


_NOT_FINITE = ("nan nan nan", "0 inf 0", "0.1 0.2 -1e999")
_NO_NUMBERS = ("0.1 0.2", "0,1 0,2 0,9 1", "up", "0.1 0.2 z", "0.1 0.2 0.9 1.0", "1_0 0 0")

LIT_FAULTS: Mapping[str, FolderFault] = {
    "format.multi_light.missing": FolderFault(
        write=lit.diligent, plant=gone("light_directions.txt"), how={**NORMALS, "format": "multi_light"}
    ),
    "format.multi_light.unreadable": _sound(
        lit.several,
        one_of(*(then(gone(f"ballPNG/{name}"), file(f"ballPNG/{name}", b"\xff\xfe\x00\x01" * 9))
                 for name in ("light_directions.txt", "light_intensities.txt", "filenames.txt"))),
    ),
    "format.multi_light.count": _sound(
        lit.several,
        one_of(_lines(_shorter), _lines(_one_more), rewritten(INTENSITIES, _shorter)),
    ),
    "format.multi_light.value": _sound(
        lit.several,
        one_of(
            row(DIRECTIONS, lambda random, _: str(random.choice(_NO_NUMBERS))),
            row(INTENSITIES, lambda random, values: [*values[:2], -float(random.uniform(0, 1))]),
        ),
    ),
    "format.multi_light.no_list": _sound(lit.several, gone("**/filenames.txt")),
    "format.multi_light.sizes_differ": _sound(lit.numbered, picture("*/*.[0-9].tga", _other_size)),
    "label.light_not_finite": _sound(
        lit.several, row(DIRECTIONS, lambda random, _: str(random.choice(_NOT_FINITE)))
    ),
    "label.light_not_unit": _sound(lit.several, row(DIRECTIONS, _odd_length)),
    "label.light_from_behind": _sound(
        lit.several, row(DIRECTIONS, lambda _, values: [values[0], values[1], -values[2]])
    ),
    "label.too_few_lights": _sound(lit.diligent, fewer(1, 2)),
    "balance.few_lights": _sound(lit.diligent, fewer(3, 4, 5)),
    "label.lights_in_one_plane": _sound(lit.several, _lines(_in_plane)),
    "quality.black_level": _sound(lit.diligent, pictures(lambda values: values * 0.9 + 14)),
    "quality.wrong_gamma": _sound(lit.diligent, pictures(lambda values: 255 * (values / 255) ** (1 / 2.2))),
    "label.light_axis_flipped": _sound(lit.diligent, _lines(_y_down)),
    "label.view_of_other_light": _sound(lit.diligent, picture("[0-9]*.png", _moved_camera)),
    "label.view_shifted": _sound(lit.diligent, picture("[0-9]*.png", _nudged)),
    "coverage.no_lit_objects": _sound(lit.several, instead(lit.ordinary)),
    "coverage.lights_only_named": _sound(lit.numbered, instead(lit.named)),
    "coverage.no_intensities": _sound(lit.several, gone(INTENSITIES)),
    "coverage.no_mask": _sound(lit.several, gone("**/mask.png")),
    "coverage.no_normals": _sound(lit.several, gone("**/normals.npy")),
    "label.object_mask_empty": _sound(lit.several, picture("**/mask.png", _specks)),
    "label.object_mask_size": _sound(lit.numbered, picture("*/*.mask.tga", _other_size)),
    "label.normals_size": _sound(
        lit.several, normals(lambda random, normals_HWXYZ: normals_HWXYZ[int(random.integers(1, 9)) :])
    ),
    "label.normals_not_unit": _sound(lit.several, normals(_not_unit)),
    "label.depth_size": _sound(
        lit.measured, depth(lambda random, depth_HW: depth_HW[:, int(random.integers(1, 9)) :])
    ),
    "label.depth_not_known": _sound(lit.measured, depth(_holes)),
    "label.depth_unreadable": _sound(
        lit.measured,
        one_of(
            cut("**/depth.npy"),
            gone("**/pixel_pitch.txt"),
            file("ballPNG/pixel_pitch.txt", b"0"),
            file("bearPNG/pixel_pitch.txt", b"twenty"),
            depth(lambda _, depth_HW: depth_HW[..., None].repeat(3, axis=2)),
            depth(lambda _, depth_HW: depth_HW.astype(np.int32)),
        ),
    ),
    "label.cameras_unreadable": _sound(
        lit.from_several_sides,
        one_of(
            cut("**/cameras.json"),
            camera("unit", lambda _: "mm"),
            camera("K", lambda rows: [[-each for each in rows[0]], *rows[1:]]),
            camera("R", lambda rows: [[-each for each in rows[0]], *rows[1:]]),
            camera("R", lambda rows: [[2 * each for each in row] for row in rows]),
            camera("t", lambda row: row[:2]),
            camera("size", lambda size: [size[0] + 1, size[1]]),
            camera("depth_range", lambda ends: ends[::-1]),
            camera("distortion", lambda _: [0.1, 0.0]),
        ),
    ),
    "coverage.reflectance_incomplete": _sound(
        lit.several, one_of(*(gone(f"ballPNG/{name}.npy") for name in lit.REFLECTANCE))
    ),
    "label.reflectance_size": _sound(
        lit.several, reflectance(lambda random, values_HW: values_HW[:, int(random.integers(1, 9)) :])
    ),
    "label.reflectance_impossible": _sound(lit.several, reflectance(_impossible)),
    "label.reflectance_unreadable": _sound(
        lit.several,
        one_of(
            cut("**/albedo.npy"),
            reflectance(lambda _, values_HW: values_HW[..., None].repeat(2, axis=2)),
            reflectance(lambda _, values_HW: (255 * values_HW).astype(np.uint8)),
        ),
    ),
    "label.normals_proposed": _sound(lit.several, file("truscore.json", '{"proposed_normals": "inverse_rendering"}')),
    "label.normals_unreadable": _sound(
        lit.several,
        one_of(
            cut("**/normals.npy"),
            normals(lambda _, normals_HWXYZ: normals_HWXYZ[..., 0]),
            normals(lambda _, normals_HWXYZ: normals_HWXYZ.astype(np.int16)),
            normals(lambda _, normals_HWXYZ: normals_HWXYZ.astype(object)),
        ),
    ),
}  # fmt: skip
