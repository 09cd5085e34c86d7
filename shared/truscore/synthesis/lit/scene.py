"""One surface under its lights, as a camera has it. H height, W width, L lights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from truscore.synthesis.lit.camera import Camera, Numbers
from truscore.synthesis.lit.relief import Field
from truscore.synthesis.lit.shading import lit_view
from truscore.synthesis.lit.surfaces import SURFACES, Surface

_BRIGHT = 0.9  # of full scale: where nearly all samples of a scene lie below


@dataclass(frozen=True, kw_only=True, slots=True)
class LitScene:
    """The pictures and the truth; directions are unit vectors, intensities red, green, blue relative to each other."""

    pictures_LHW3: Numbers
    directions_L3: Field
    intensities_L3: Field
    surface: Surface
    camera: Camera
    shadows_LHW: NDArray[np.bool_]
    distance_px: float


def render_lit_scene(
    rng: Generator,
    *,
    kind: str,
    lights: int,
    size: tuple[int, int],
    camera: Camera | None = None,
    elevation_deg: tuple[float, float] = (25.0, 75.0),
    distance: float = 0.0,
    directions_L3: Field | None = None,
    grain_rad: float = 0.0,
) -> LitScene:
    """A surface of that kind, (width, height) pixels, under lights all around, or under those of `directions_L3`.

    `distance` is the lamps' in widths of the picture, 0 for infinity. The camera's gain is set so that hardly anything
    but highlights clips, then times its own.
    ``grain_rad`` is that of the surface. Raises ValueError for a kind, a number of lights or a size that is none.
    """
    if kind not in SURFACES:
        raise ValueError(f"kind {kind!r}; accepted are {', '.join(SURFACES)}")
    if not 3 <= lights <= 96 or min(size) < 16:
        raise ValueError(f"{lights} lights, size {size}; accepted are 3 to 96 lights and at least 16 x 16 pixels")
    width, height = size
    surface = replace(SURFACES[kind](rng, height, width), grain_rad=grain_rad)
    directions_L3 = spread_lights(rng, lights, elevation_deg) if directions_L3 is None else directions_L3
    return light_surface(rng, surface, directions_L3, camera=camera, distance_px=distance * width)


def light_surface(
    rng: Generator, surface: Surface, directions_L3: Field, *, camera: Camera | None = None, distance_px: float = 0.0
) -> LitScene:
    """The surface under these lights, as bright as a card of paper would have them set."""
    lights = len(directions_L3)
    intensities_L3 = rng.uniform(0.7, 1.0, size=(lights, 1)) * rng.uniform(0.9, 1.0, size=(lights, 3))
    views = [lit_view(surface, direction_3, distance=distance_px) for direction_3 in directions_L3]
    light_LHW3 = np.stack([view for view, _ in views]) * intensities_L3[:, None, None, :]
    camera = camera or random_camera(rng)
    bright = max(float(np.percentile(light_LHW3[:, surface.mask_HW], 99)), 1e-6)
    camera = replace(camera, gain=camera.gain * _BRIGHT / bright)
    return LitScene(
        pictures_LHW3=np.stack([camera.picture(rng, view_HW3) for view_HW3 in light_LHW3]),
        directions_L3=directions_L3,
        intensities_L3=intensities_L3,
        surface=surface,
        camera=camera,
        shadows_LHW=np.stack([shadow_HW for _, shadow_HW in views]),
        distance_px=distance_px,
    )


def render_varied_scene(
    rng: Generator, *, kind: str, most_lights: int, size: tuple[int, int], bits: int = 8
) -> LitScene:
    """What a network shall have seen: four to ``most_lights`` lights of all sorts of rigs, cameras that make more or
    less noise, and surfaces of which every second one is grained. Raises ValueError as `render_lit_scene` does."""
    directions_L3 = scattered_lights(rng, int(rng.integers(min(4, most_lights), most_lights + 1)))
    camera = replace(random_camera(rng, bits=bits), full_well=float(np.exp(rng.uniform(np.log(400), np.log(40_000)))))
    grain_rad = float(rng.uniform(0.05, 0.5)) if rng.random() < 0.5 else 0.0
    return render_lit_scene(
        rng,
        kind=kind,
        lights=len(directions_L3),
        size=size,
        camera=camera,
        directions_L3=directions_L3,
        grain_rad=grain_rad,
    )


def random_camera(rng: Generator, *, bits: int = 8) -> Camera:
    """Linear, with shot noise; every second one has a black level."""
    level = float(rng.uniform(0.01, 0.04) * rng.choice((-1, 1))) if rng.random() < 0.5 else 0.0
    return Camera(
        gain=float(rng.uniform(0.6, 1.0)),
        black_level=level,
        full_well=float(rng.uniform(5_000, 40_000)),
        read_noise=float(rng.uniform(2, 10)),
        bits=bits,
    )


def spread_lights(rng: Generator, count: int, elevation_deg: tuple[float, float]) -> Field:
    """Unit vectors [L, 3] all around, at elevations over the card's plane between both."""
    turn_L = (np.arange(count) + rng.uniform(-0.2, 0.2, size=count)) * 2 * np.pi / count + rng.uniform(0, 2 * np.pi)
    elevation_L = np.radians(rng.uniform(*elevation_deg, size=count))
    directions: Field = np.stack(
        [np.cos(elevation_L) * np.cos(turn_L), np.cos(elevation_L) * np.sin(turn_L), np.sin(elevation_L)], axis=1
    )
    return directions


def scattered_lights(rng: Generator, count: int) -> Field:
    """Unit vectors [L, 3] as rigs of other people have them: a ring, a dome, a cluster around the camera or one that
    was held to one side of it."""
    kind = rng.integers(4)
    if kind == 0:
        return spread_lights(rng, count, (25.0, 75.0))
    least_z = float(np.cos(np.radians(rng.uniform(60, 80) if kind == 1 else rng.uniform(30, 60))))
    z_L, turn_L = rng.uniform(least_z, 1, size=count), rng.uniform(0, 2 * np.pi, size=count)
    sideways_L = np.sqrt(1 - z_L**2)
    directions: Field = np.stack([sideways_L * np.cos(turn_L), sideways_L * np.sin(turn_L), z_L], axis=1)
    return directions if kind < 3 else _tilted(directions, np.radians(rng.uniform(8, 25)), rng.uniform(0, 2 * np.pi))


def _tilted(directions_L3: Field, angle: float, turn: float) -> Field:
    """Turned away from the camera about an axis in the card's plane; none falls below it."""
    x_L, y_L, z_L = directions_L3.T
    along_L, aside_L = np.cos(turn) * x_L + np.sin(turn) * y_L, np.cos(turn) * y_L - np.sin(turn) * x_L
    moved_L, z_L = np.cos(angle) * along_L + np.sin(angle) * z_L, np.cos(angle) * z_L - np.sin(angle) * along_L
    z_L = np.maximum(z_L, 0.05)
    tilted: Field = np.stack(
        [np.cos(turn) * moved_L - np.sin(turn) * aside_L, np.sin(turn) * moved_L + np.cos(turn) * aside_L, z_L], axis=1
    )
    tilted /= np.linalg.norm(tilted, axis=1, keepdims=True)
    return tilted
