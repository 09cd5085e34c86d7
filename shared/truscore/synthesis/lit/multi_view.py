"""Cards as several calibrated cameras see them, each under lights of its own, as a dataset on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from truscore.datasets.formats.multi_light.camera_sources import CAMERAS
from truscore.synthesis.lit.camera import Camera
from truscore.synthesis.lit.cameras import SeenSurface, seen_from
from truscore.synthesis.lit.dataset import write_lit_scene
from truscore.synthesis.lit.scene import light_surface, random_camera, spread_lights

LEAST_VIEWS, MOST_VIEWS = 2, 32


def render_multi_view_dataset(
    folder: Path,
    *,
    count: int,
    views: int = 5,
    seed: int = 0,
    lights: int = 6,
    image_size: tuple[int, int] = (64, 64),
    bits: int = 8,
) -> Path:
    """Render `count` cards from `views` sides: a folder each with `cameras.json`, in it a folder for each view as
    `render_lit_dataset` writes it. Lights turn with the camera. Raises ValueError."""
    if not LEAST_VIEWS <= views <= MOST_VIEWS:
        raise ValueError(f"{views} views; accepted are {LEAST_VIEWS} to {MOST_VIEWS}")
    for number in range(count):
        rng = np.random.default_rng([seed, number, views])
        home = folder / f"card-{number:05d}"
        sensor = random_camera(rng, bits=bits)
        written = {}
        for place, seen in enumerate(seen_from(rng, views=views, size=image_size)):
            name = f"view-{place:02d}"
            _write_view(rng, seen, home / name, lights=lights, sensor=sensor)
            written[name] = _plain(seen, image_size)
        document = {"unit": "um", "lights": "camera", "views": written}
        (home / CAMERAS).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return folder


def _write_view(rng: np.random.Generator, seen: SeenSurface, home: Path, *, lights: int, sensor: Camera) -> None:
    directions_L3 = spread_lights(rng, lights, (50.0, 80.0))
    write_lit_scene(light_surface(rng, seen.surface, directions_L3, camera=sensor), home)


def _plain(seen: SeenSurface, size: tuple[int, int]) -> dict[str, object]:
    camera = seen.camera
    return {
        "K": camera.intrinsics_33.tolist(),
        "R": camera.rotation_33.tolist(),
        "t": camera.translation_3.tolist(),
        "size": list(size),
        "depth_range": list(seen.range_um),
        "depth_zero": seen.zero_um,
        "distortion": [],
    }
