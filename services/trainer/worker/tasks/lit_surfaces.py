"""A split of objects under many lights as rectangles of pixels, for networks that learn surfaces from views.

Legend: B objects, L lights, H, W sides of a rectangle, P = H * W pixels, 3 the axes x right, y UP, z to the camera.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from truscore.augmentation.seeds import mixed
from truscore.photometric_stereo import LitViews
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork
from truscore.zoo.photometric.surface_network import Surface, SurfaceNetwork

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.tasks.lit_objects import (
    MOST_PIXELS,
    LitSample,
    ObjectsOfOneCamera,
    drawn_lights,
    measured_lights,
)
from services.trainer.worker.tasks.protocol import Key

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceSample:
    """Every ``step``-th pixel of a rectangle of an object's picture, from ``top`` and ``left``.

    ``depth_HW`` is in steps, ``known_HW`` 1 where it and a normal are known; a step is ``pitch_um`` micrometres long.
    """

    index: int
    samples_LHW: Tensor
    lights_L3: Tensor
    level_L: Tensor  # what the camera added to each light's samples
    inside_HW: Tensor
    normals_HW3: Tensor
    depth_HW: Tensor
    known_HW: Tensor
    pitch_um: float
    step: int
    top: int
    left: int
    width: int  # of the whole picture

    @property
    def pixels(self) -> LitSample:
        """Those that are inside, in no order."""
        inside_HW = self.inside_HW > 0
        down_P, across_P = np.nonzero(inside_HW.numpy())
        return LitSample(
            index=self.index,
            samples_LP=self.samples_LHW[:, inside_HW],
            lights_L3=self.lights_L3,
            level_L=self.level_L,
            normals_P3=self.normals_HW3[inside_HW],
            reflectance_P3=torch.zeros(len(down_P), 3),
            share_L=torch.ones_like(self.level_L),
            place_P=(self.top + down_P * self.step) * self.width + self.left + across_P * self.step,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceBatch:
    """Objects of different numbers of lights and sizes, filled up with lights that are not ``present`` and pixels that
    are not ``inside``."""

    samples_BLP: Tensor
    lights_BL3: Tensor
    level_BL: Tensor
    present_BL: Tensor
    inside_BHW: Tensor
    normals_BHW3: Tensor
    depth_BHW: Tensor
    known_BHW: Tensor
    pitch_B: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pictures:
    samples_LHW: Floats
    lights_L3: Floats
    level_L: Floats
    mask_HW: NDArray[np.bool_]
    normals_HW3: Floats
    depth_HW: Floats  # pixels; NaN where it is not known
    pitch_um: float

    @property
    def size_bytes(self) -> int:
        return self.samples_LHW.nbytes + self.normals_HW3.nbytes + self.depth_HW.nbytes + self.mask_HW.nbytes


class LitSurfaces(ObjectsOfOneCamera[_Pictures, SurfaceSample]):
    """The objects of a split as `LitObjects` orders them. They have to have what is ``learnt``: normals or depth."""

    def __init__(self, *args: Any, learnt: str, **named: Any) -> None:
        super().__init__(*args, **named)
        self._learnt = learnt

    def __getitem__(self, key: Key) -> SurfaceSample:
        """What the network trains on (some lights of a window, turned as object and lights together may be) or, at
        epoch 0, is tried on: the object within its mask, of large ones every second or third pixel."""
        loaded = self._loaded(key.index)
        down_N, across_N = np.nonzero(loaded.mask_HW)
        top, left, bottom, right = down_N.min(), across_N.min(), down_N.max() + 1, across_N.max() + 1
        if not key.epoch:
            step = int(np.ceil(np.sqrt((bottom - top) * (right - left) / MOST_PIXELS)))
            window = (slice(top, bottom, step), slice(left, right, step))
            return _sample(key.index, loaded, np.arange(len(loaded.lights_L3)), window)
        rng = np.random.default_rng([mixed(self._seed, key.epoch, key.index) % 2**63])
        lights = drawn_lights(rng, loaded.lights_L3)
        side = self._image_size
        step = int(rng.integers(1, max(1, max(bottom - top, right - left) // side) + 1))
        at = int(rng.integers(len(down_N)))
        window = (
            _around(down_N[at], side * step, top, bottom, step),
            _around(across_N[at], side * step, left, right, step),
        )
        sample = _sample(key.index, loaded, lights, window)
        return self._seen(rng, _turned(sample, turns=int(rng.integers(4)), mirrored=bool(rng.integers(2))))

    def _seen(self, rng: np.random.Generator, sample: SurfaceSample) -> SurfaceSample:
        """The sample under lights as a rig would give them."""
        return replace(sample, lights_L3=measured_lights(rng, sample.lights_L3))

    def _of(self, views: LitViews, level: float) -> _Pictures:
        found = {"depth": views.depth_HW, "normals": views.normals_HW3}
        if found[self._learnt] is None:
            raise InvalidJob(f"object {views.name!r} cannot be learnt from: its {self._learnt} is not known")
        height, width = views.mask_HW.shape
        samples_LHW = np.zeros((len(views.share_L), height, width), dtype=np.float32)
        samples_LHW[:, views.mask_HW] = views.samples_NL.T
        known = views.depth_HW if views.depth_HW is not None else np.full((height, width), np.nan)
        normals = views.normals_HW3 if views.normals_HW3 is not None else np.zeros((height, width, 3))
        return _Pictures(
            samples_LHW=samples_LHW,
            lights_L3=views.directions().astype(np.float32),
            level_L=(level * views.share_L).astype(np.float32),
            mask_HW=views.mask_HW,
            normals_HW3=normals.astype(np.float32),
            depth_HW=(known / (views.pitch_um or 1.0)).astype(np.float32),
            pitch_um=views.pitch_um or 1.0,
        )


def _around(place: int, length: int, first: int, last: int, step: int) -> slice:
    """As much of a window around a place as lies within the object's own rectangle."""
    start = int(np.clip(place - length // 2, first, max(first, last - length)))
    return slice(start, min(start + length, last), step)


def _sample(index: int, loaded: _Pictures, lights: NDArray[np.int64], window: tuple[slice, slice]) -> SurfaceSample:
    step = window[0].step
    depth_HW = loaded.depth_HW[window] / step
    inside_HW = loaded.mask_HW[window]
    known_HW = inside_HW & np.isfinite(depth_HW)
    return SurfaceSample(
        index=index,
        samples_LHW=torch.from_numpy(loaded.samples_LHW[(lights, *window)].copy()),
        lights_L3=torch.from_numpy(loaded.lights_L3[lights]),
        level_L=torch.from_numpy(loaded.level_L[lights]),
        inside_HW=torch.from_numpy(inside_HW.astype(np.float32)),
        normals_HW3=torch.from_numpy(loaded.normals_HW3[window].copy()),
        depth_HW=torch.from_numpy(np.where(known_HW, depth_HW, 0).astype(np.float32)),
        known_HW=torch.from_numpy(known_HW.astype(np.float32)),
        pitch_um=loaded.pitch_um * step,
        step=step,
        top=window[0].start,
        left=window[1].start,
        width=loaded.mask_HW.shape[1],
    )


def _turned(sample: SurfaceSample, *, turns: int, mirrored: bool) -> SurfaceSample:
    """Object, lights and normals together: by quarter turns against the clock, then mirrored from left to right."""
    angle = turns * np.pi / 2
    turn_33 = torch.tensor([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    if mirrored:
        turn_33 = torch.diag(torch.tensor([-1.0, 1.0, 1.0])).to(turn_33) @ turn_33
    turn_33 = turn_33.round().float()

    def moved(values: Tensor, rows: int) -> Tensor:
        rotated = torch.rot90(values, turns, (rows, rows + 1))
        return (rotated.flip(rows + 1) if mirrored else rotated).contiguous()

    return replace(
        sample,
        samples_LHW=moved(sample.samples_LHW, 1),
        lights_L3=sample.lights_L3 @ turn_33.T,
        inside_HW=moved(sample.inside_HW, 0),
        normals_HW3=moved(sample.normals_HW3, 0) @ turn_33.T,
        depth_HW=moved(sample.depth_HW, 0),
        known_HW=moved(sample.known_HW, 0),
    )


def collate(samples: Sequence[SurfaceSample]) -> SurfaceBatch:
    padded = partial(pad_sequence, batch_first=True)
    height, width = (max(sample.inside_HW.shape[axis] for sample in samples) for axis in (0, 1))
    lights = max(len(sample.level_L) for sample in samples)

    def laid(values: Sequence[Tensor], *shape: int) -> Tensor:
        """Into the upper left corner of a picture that all have room in."""
        room = torch.zeros(len(values), *shape)
        for place, each in enumerate(values):
            corner = tuple(slice(0, length) for length in each.shape)
            room[place][corner] = each
        return room

    return SurfaceBatch(
        samples_BLP=laid([sample.samples_LHW for sample in samples], lights, height, width).flatten(2),
        lights_BL3=padded([sample.lights_L3 for sample in samples]),
        level_BL=padded([sample.level_L for sample in samples]),
        present_BL=padded([torch.ones(len(sample.level_L)) for sample in samples]),
        inside_BHW=laid([sample.inside_HW for sample in samples], height, width),
        normals_BHW3=laid([sample.normals_HW3 for sample in samples], height, width, 3),
        depth_BHW=laid([sample.depth_HW for sample in samples], height, width),
        known_BHW=laid([sample.known_HW for sample in samples], height, width),
        pitch_B=torch.tensor([sample.pitch_um for sample in samples]),
    )


def to_device(batch: SurfaceBatch, device: torch.device) -> SurfaceBatch:
    return replace(batch, **{one.name: getattr(batch, one.name).to(device, non_blocking=True) for one in fields(batch)})


def surface_of(model: nn.Module, batch: SurfaceBatch) -> Surface:
    network = getattr(model, "module", model)  # without what spreads it over processes
    if not isinstance(network, SurfaceNetwork):
        raise TypeError(f"{type(network).__name__} makes no surface; accepted: SurfaceNetwork")
    surface: Surface = _answered(model, batch)
    return surface


def normals_of(model: nn.Module, batch: SurfaceBatch) -> Tensor:
    """Unit normals [B, H, W, 3], of a surface or of pixels each by itself."""
    if isinstance(getattr(model, "module", model), SpatialSetNetwork):
        normals_BHW3: Tensor = _answered(model, batch)
        return normals_BHW3
    return surface_of(model, batch).normals_BHW3


def _answered(model: nn.Module, batch: SurfaceBatch) -> Any:
    # Whole precision: solving three by three in half of it loses the small angles that are learnt here.
    with torch.autocast(batch.samples_BLP.device.type, enabled=False):
        return model(batch.samples_BLP, batch.lights_BL3, batch.level_BL, batch.present_BL, batch.inside_BHW)
