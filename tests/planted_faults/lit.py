"""Sound folders of objects under many lights: bumpy things, rendered as Lambert's law has it.

Axes: x to the right, y up, z to the camera. H, W, C: height, width and colour; L: lights; XYZ: a direction.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, LIGHTS = 64, 8
NAMED = ("Up", "Down", "Left", "Right")
# Where the four named lamps stand.
PLACES_XYZ = {"Up": (0.0, 0.6, 0.8), "Down": (0.0, -0.6, 0.8), "Left": (-0.6, 0.0, 0.8), "Right": (0.6, 0.0, 0.8)}
REFLECTANCE = {"albedo": 0.8, "roughness": 0.6, "f0": 0.0}  # of a thing without gloss, its speckles' mean
Random = np.random.Generator


def lights(random: Random, count: int = LIGHTS) -> np.ndarray:
    """Unit vectors [L, XYZ] all around, none grazing."""
    turn_L = np.arange(count) * 2 * np.pi / count + random.uniform(0, 2 * np.pi)
    tilt_L = random.uniform(0.3, 0.9, size=count)
    lights_LXYZ = np.stack([np.sin(tilt_L) * np.cos(turn_L), np.sin(tilt_L) * np.sin(turn_L), np.cos(tilt_L)], axis=1)
    return np.asarray(lights_LXYZ)


def relief(random: Random) -> tuple[np.ndarray, np.ndarray]:
    """The mask [H, W] and the normals [H, W, XYZ] of a bumpy thing with a round rim; zeros around it."""
    down_HW, across_HW = np.mgrid[:SIDE, :SIDE] / SIDE * 2 - 1
    mask_HW = (across_HW / random.uniform(0.6, 0.95)) ** 2 + (down_HW / random.uniform(0.6, 0.95)) ** 2 < 1
    height_HW = np.zeros((SIDE, SIDE))
    for _ in range(6):
        (turns_x, turns_y), phase = random.uniform(-6, 6, size=2), random.uniform(0, 2 * np.pi)
        height_HW += random.uniform(2, 5) * np.cos(turns_x * across_HW + turns_y * down_HW + phase)
    slope_down_HW, slope_across_HW = np.gradient(height_HW)
    normals_HWXYZ = np.stack([-slope_across_HW, slope_down_HW, np.ones((SIDE, SIDE))], axis=-1)
    normals_HWXYZ /= np.linalg.norm(normals_HWXYZ, axis=-1, keepdims=True)
    return mask_HW, normals_HWXYZ * mask_HW[..., None]


def views(
    random: Random, normals_HWXYZ: np.ndarray, lights_LXYZ: np.ndarray, intensity_L: np.ndarray
) -> list[np.ndarray]:
    """A picture [H, W, C] under each light; the thing's skin is speckled."""
    skin_HWC = random.uniform(0.6, 1, size=(SIDE, SIDE, 3))
    shade_LHW = np.clip(np.einsum("hwx,lx->lhw", normals_HWXYZ, lights_LXYZ), 0, None) * intensity_L[:, None, None]
    return [np.round(250 * shade_HW[..., None] * skin_HWC).astype(np.uint8) for shade_HW in shade_LHW]


def diligent(folder: Path, random: Random, *, count: int = LIGHTS, inner: str = "") -> None:
    """DiLiGenT's layout: one folder, with all that it may have."""
    home = folder / inner
    home.mkdir(parents=True, exist_ok=True)
    lights_LXYZ, intensity_L = lights(random, count), random.uniform(0.7, 1, size=count)
    mask_HW, normals_HWXYZ = relief(random)
    names = [f"{number:03}.png" for number in range(1, count + 1)]
    for name, view_HWC in zip(names, views(random, normals_HWXYZ, lights_LXYZ, intensity_L), strict=True):
        Image.fromarray(view_HWC).save(home / name)
    Image.fromarray(mask_HW.astype(np.uint8) * 255).save(home / "mask.png")
    np.save(home / "normals.npy", normals_HWXYZ.astype(np.float32))
    for name, value in REFLECTANCE.items():
        np.save(home / f"{name}.npy", np.full((SIDE, SIDE), value, dtype=np.float32))
    write_rows(home / "light_directions.txt", lights_LXYZ)
    write_rows(home / "light_intensities.txt", intensity_L[:, None].repeat(3, axis=1))
    (home / "filenames.txt").write_text("\n".join(names) + "\n")


def several(folder: Path, random: Random) -> None:
    """Two objects, each in a folder of its own."""
    for name in ("ballPNG", "bearPNG"):
        diligent(folder, random, inner=name)


def measured(folder: Path, random: Random) -> None:
    """Two objects whose depth is known, and how long their pixels are."""
    several(folder, random)
    for home in sorted(path for path in folder.iterdir() if path.is_dir()):
        np.save(home / "depth.npy", random.normal(scale=20, size=(SIDE, SIDE)).astype(np.float32))
        (home / "pixel_pitch.txt").write_text(f"{random.uniform(5, 40):.4f}\n")


def from_several_sides(folder: Path, random: Random) -> None:
    """The same two as views of one thing from two cameras."""
    measured(folder, random)
    views = {}
    for name in ("ballPNG", "bearPNG"):
        (turn,) = random.uniform(-0.4, 0.4, size=1)
        cosine, sine = float(np.cos(turn)), float(np.sin(turn))
        views[name] = {
            "K": [[300.0, 0.0, SIDE / 2], [0.0, 300.0, SIDE / 2], [0.0, 0.0, 1.0]],
            "R": [[cosine, 0.0, sine], [0.0, -1.0, 0.0], [sine, 0.0, -cosine]],
            "t": [0.0, 0.0, 6000.0],
            "size": [SIDE, SIDE],
            "depth_range": [5500.0, 6500.0],
            "depth_zero": 6000.0,
            "distortion": [],
        }
    (folder / "cameras.json").write_text(json.dumps({"unit": "um", "lights": "camera", "views": views}))


def numbered(folder: Path, random: Random) -> None:
    """Two objects NAME.N.tga that share lights.txt."""
    lights_LXYZ = lights(random)
    write_rows(folder / "lights.txt", lights_LXYZ, first=f"{len(lights_LXYZ)}\n")
    for name in ("gray", "owl"):
        (folder / name).mkdir()
        mask_HW, normals_HWXYZ = relief(random)
        for number, view_HWC in enumerate(views(random, normals_HWXYZ, lights_LXYZ, np.ones(LIGHTS))):
            Image.fromarray(view_HWC).save(folder / f"{name}/{name}.{number}.tga")
        Image.fromarray(mask_HW.astype(np.uint8) * 255).convert("RGB").save(folder / f"{name}/{name}.mask.tga")


def named(folder: Path, random: Random) -> None:
    """Cards under four lights whose directions only their names tell."""
    directions_LXYZ = np.array([PLACES_XYZ[name] for name in NAMED])
    for card in ("AndySlyke_1", "RubenSierra_1"):
        (folder / card).mkdir()
        _, normals_HWXYZ = relief(random)
        pictures = views(random, normals_HWXYZ, directions_LXYZ, np.ones(len(NAMED)))
        for name, view_HWC in zip(NAMED, pictures, strict=True):
            Image.fromarray(view_HWC).save(folder / f"{card}/{card}_{name}.jpg", quality=95)


def ordinary(folder: Path, random: Random) -> None:
    """Pictures of different things under one light, in the folders of their grades."""
    for grade in ("psa8", "psa9"):
        (folder / grade).mkdir(parents=True)
        for number in range(12):
            _, normals_HWXYZ = relief(random)
            (view_HWC,) = views(random, normals_HWXYZ, lights(random, 1), np.ones(1))
            Image.fromarray(view_HWC).save(folder / f"{grade}/{grade}card{random.integers(10**6)}x{number}.png")


def write_rows(path: Path, rows: np.ndarray, *, first: str = "") -> None:
    path.write_text(first + "".join(" ".join(f"{value:.6f}" for value in row) + "\n" for row in rows))
