"""Rendered surfaces as a dataset on disk, in DiLiGenT's layout (format multi_light)."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from truscore.datasets.formats.multi_light.depth_map import PITCH
from truscore.synthesis.lit.camera import Numbers
from truscore.synthesis.lit.scene import LitScene, random_camera, render_lit_scene, render_varied_scene

LIT_KINDS = ("card", "ellipsoid", "blobs")
ALL_KINDS = "lit_surfaces"  # each in turn
VARIED = "lit_varied"  # each in turn, under rigs of all sorts


def render_lit_dataset(
    folder: Path,
    *,
    count: int,
    option: str = ALL_KINDS,
    seed: int = 0,
    lights: int = 12,
    image_size: tuple[int, int] = (128, 128),
    bits: int = 8,
) -> Path:
    """Render `count` objects of (width, height) pixels, a folder each; the same arguments give the same numbers.

    They have `lights` lights, or up to as many where the option is "lit_varied", which networks are trained on.

    Beside the views lie `mask.png`, `normals.npy`, `albedo.npy`, `roughness.npy` and `f0.npy`, and of cards `depth.npy`
    (micrometres) with `pixel_pitch.txt`; in `truth` depth (pixels where `scene.json` has the pitch 0) and shadows by
    light. Raises ValueError.
    """
    if option not in {ALL_KINDS, VARIED, *LIT_KINDS}:
        raise ValueError(f"option {option!r}: accepted are {', '.join((ALL_KINDS, VARIED, *LIT_KINDS))}")
    kinds = (option,) if option in LIT_KINDS else LIT_KINDS
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        kind = kinds[number % len(kinds)]
        if option == VARIED:
            scene = render_varied_scene(rng, kind=kind, most_lights=lights, size=image_size, bits=bits)
        else:
            camera = random_camera(rng, bits=bits)
            scene = render_lit_scene(rng, kind=kind, lights=lights, size=image_size, camera=camera)
        write_lit_scene(scene, folder / f"{kind}-{number:05d}")
    return folder


def write_lit_scene(scene: LitScene, home: Path) -> None:
    """The scene in a folder of its own."""
    truth = home / "truth"
    truth.mkdir(parents=True)
    names = [f"{number:03d}.png" for number in range(1, len(scene.directions_L3) + 1)]
    for name, picture_HW3 in zip(names, scene.pictures_LHW3, strict=True):
        _write_png(home / name, picture_HW3[..., ::-1])
    (home / "filenames.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    np.savetxt(home / "light_directions.txt", scene.directions_L3, fmt="%.9f")
    np.savetxt(home / "light_intensities.txt", scene.intensities_L3, fmt="%.9f")
    surface = scene.surface
    _write_png(home / "mask.png", surface.mask_HW.astype(np.uint8) * 255)
    normals_HW3 = np.where(surface.mask_HW[..., None], surface.relief.normals(), 0.0)
    np.save(home / "normals.npy", normals_HW3.astype(np.float32))
    if surface.pitch_um:
        np.save(home / "depth.npy", (surface.relief.height * surface.pitch_um).astype(np.float32))
        (home / PITCH).write_text(f"{surface.pitch_um:.9g}\n", encoding="utf-8")
    for name, values in {
        "albedo": surface.albedo_HW3,
        "roughness": surface.roughness_HW,
        "f0": surface.mirror_HW,
    }.items():
        np.save(home / f"{name}.npy", values.astype(np.float32))
    depth_HW = surface.relief.height * (surface.pitch_um or 1.0)
    np.save(truth / "depth.npy", depth_HW.astype(np.float32))
    np.save(truth / "shadows.npy", scene.shadows_LHW)
    camera = scene.camera
    document = {
        "pitch_um": surface.pitch_um,
        "grain_rad": surface.grain_rad,
        "distance_px": scene.distance_px,
        "response": "linear" if camera.gamma == 1 else "gamma",
        "gamma": camera.gamma,
        "gain": camera.gain,
        "black_level": camera.black_level,
        "full_well": camera.full_well,
        "read_noise": camera.read_noise,
        "bits": camera.bits,
    }
    (truth / "scene.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _write_png(path: Path, values: Numbers) -> None:
    _, encoded = cv2.imencode(".png", values)
    path.write_bytes(encoded.tobytes())
