"""A split of things that several cameras saw, as maps and cameras.

Legend: V views, H, W rows and columns, 3 the axes of a camera: x right, y DOWN, z away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from truscore.augmentation.seeds import mixed
from truscore.datasets import ImageRecord
from truscore.datasets.index.records import LitObject
from truscore.datasets.index.targets import scenes_in
from truscore.photometric_stereo import InvalidViews
from truscore.photometric_stereo.camera_views import CameraView, read_camera_views
from truscore.photometric_stereo.least_squares import InvalidLights
from truscore.zoo.photometric.multi_view_network import photometric_maps
from truscore.zoo.photometric.plane_sweep import Cameras

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.tasks.lit_objects import Floats, LitObjects
from services.trainer.worker.tasks.protocol import Key

LEAST_SOURCES = 2  # of those that an epoch takes of a scene, where it has them
MOST_PIXELS = 16_384  # that a view is evaluated on: a window in its middle


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneSample:
    """Views of a scene, the reference first, of which ``window`` is asked for. ``depth_HW`` is the window's, towards
    the camera from ``zero_um``, in pixels of ``pitch_um``; ``known_HW`` is 1 where it is known."""

    index: int
    lights: int
    maps_V4HW: Tensor
    inside_VHW: Tensor
    intrinsics_V33: Tensor
    rotation_V33: Tensor
    translation_V3: Tensor
    range_2: Tensor
    depth_HW: Tensor
    known_HW: Tensor
    zero_um: float
    pitch_um: float
    window: tuple[slice, slice]

    @property
    def cameras(self) -> Cameras:
        return Cameras(
            intrinsics_V33=self.intrinsics_V33, rotation_V33=self.rotation_V33, translation_V3=self.translation_V3
        )

    @property
    def middle(self) -> Tensor:
        """Of the range, along z."""
        return self.range_2.mean()

    def to(self, device: torch.device) -> "SceneSample":
        known: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        tensors = {name: each for name, each in known.items() if isinstance(each, Tensor)}
        return replace(self, **known | {name: each.to(device, non_blocking=True) for name, each in tensors.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class _View:
    maps_4HW: Floats
    inside_HW: Floats
    intrinsics_33: Floats
    rotation_33: Floats
    translation_3: Floats
    range_2: Floats
    height_HW: Floats  # micrometres towards the camera from zero_um; NaN where it is not known
    zero_um: float
    pitch_um: float
    lights: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    views: tuple[_View, ...]

    @property
    def size_bytes(self) -> int:
        return sum(view.maps_4HW.nbytes + view.inside_HW.nbytes + view.height_HW.nbytes for view in self.views)


class CameraScenes(LitObjects[_Scene, SceneSample]):
    """The scenes of a split, in the order in which the split first names a view of them."""

    def __init__(self, part: Sequence[ImageRecord], objects: Sequence[LitObject], **named: Any) -> None:
        super().__init__(part, objects, **named)
        seen = {record.light.object for record in part if record.light is not None}
        self._views = {
            scene: known for scene, names in scenes_in(objects).items() if len(known := _within(names, seen)) > 1
        }
        if not self._views:
            raise InvalidJob("nothing can be learnt from views of one camera: no cameras.json names two of these views")
        owner = {name: scene for scene, names in self._views.items() for name in names}
        scenes = [owner.get(record.light.object, "") if record.light else "" for record in part]
        self.names = tuple(dict.fromkeys(filter(None, scenes)))
        self.first = tuple(scenes.index(name) for name in self.names)
        self.records = tuple(part[place] for place in self.first)

    def __getitem__(self, key: Key) -> SceneSample:
        """What the network trains on (a window of any of its views, beside some others) or, at epoch 0, is tried on:
        its first view, beside all others."""
        views = self._loaded(key.index).views
        if not key.epoch:
            return _sample(key.index, views, _middle(views[0].inside_HW.shape))
        rng = np.random.default_rng([mixed(self._seed, key.epoch, key.index) % 2**63])
        order = rng.permutation(len(views))
        count = 1 + int(rng.integers(min(LEAST_SOURCES, len(views) - 1), len(views)))
        drawn = tuple(views[place] for place in order[:count])
        inside_HW = drawn[0].inside_HW
        down_N, across_N = np.nonzero(inside_HW)
        at = int(rng.integers(len(down_N)))
        rows, columns = inside_HW.shape
        window = (_around(down_N[at], self._image_size, rows), _around(across_N[at], self._image_size, columns))
        return _sample(key.index, drawn, window)

    def _load(self, name: str) -> _Scene:
        try:
            views = read_camera_views(self._folder, self._index, self._views[name])
        except (InvalidViews, InvalidLights) as error:
            raise InvalidJob(f"scene {name!r} cannot be learnt from: {error}") from error
        for view in views:
            if view.views.depth_HW is None or not view.views.mask_HW.any():
                raise InvalidJob(f"scene {name!r} cannot be learnt from: {view.views.name!r} has no known depth")
        return _Scene(views=tuple(_view(view) for view in views))


def _within(names: Sequence[str], seen: set[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in seen)


def maps_of(view: CameraView) -> Floats:
    """Albedo and normal [4, H, W] as the network takes them, zeros outside the mask."""
    mask_HW = view.views.mask_HW
    samples_LP = torch.from_numpy(view.views.samples_NL.T.astype(np.float32))
    lights_L3 = torch.from_numpy(view.views.directions().astype(np.float32))
    level_L = torch.from_numpy(view.level_L.astype(np.float32))
    maps_4P = photometric_maps(samples_LP[None], lights_L3[None], level_L[None], torch.ones_like(level_L)[None])[0]
    maps_4HW = np.zeros((len(maps_4P), *mask_HW.shape), dtype=np.float32)
    maps_4HW[:, mask_HW] = maps_4P.numpy()
    return maps_4HW


def _view(view: CameraView) -> _View:
    camera, views = view.camera, view.views
    return _View(
        maps_4HW=maps_of(view),
        inside_HW=views.mask_HW.astype(np.float32),
        intrinsics_33=view.intrinsics_33.astype(np.float32),
        rotation_33=view.rotation_33.astype(np.float32),
        translation_3=np.array(camera.translation, dtype=np.float32),
        range_2=np.array([camera.nearest_um, camera.farthest_um], dtype=np.float32),
        height_HW=(camera.zero_um - view.z_HW).astype(np.float32),
        zero_um=camera.zero_um,
        pitch_um=views.pitch_um,
        lights=len(view.level_L),
    )


def _around(place: int, length: int, last: int) -> slice:
    start = int(np.clip(place - length // 2, 0, max(0, last - length)))
    return slice(start, min(start + length, last))


def _middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    side = int(MOST_PIXELS**0.5)
    return _around(shape[0] // 2, side, shape[0]), _around(shape[1] // 2, side, shape[1])


def _sample(index: int, views: Sequence[_View], window: tuple[slice, slice]) -> SceneSample:
    reference = views[0]
    height_HW = reference.height_HW[window] / reference.pitch_um
    known_HW = np.isfinite(height_HW) & (reference.inside_HW[window] > 0)
    rows, columns = (max(view.inside_HW.shape[axis] for view in views) for axis in (0, 1))

    def laid(values: Sequence[NDArray[np.float32]]) -> Tensor:
        """Side by side, those of smaller cameras filled up to the right and below."""
        room = np.zeros((len(values), *values[0].shape[:-2], rows, columns), dtype=np.float32)
        for place, each in enumerate(values):
            room[place, ..., : each.shape[-2], : each.shape[-1]] = each
        return torch.from_numpy(room)

    return SceneSample(
        index=index,
        lights=reference.lights,
        maps_V4HW=laid([view.maps_4HW for view in views]),
        inside_VHW=laid([view.inside_HW for view in views]),
        intrinsics_V33=torch.from_numpy(np.stack([view.intrinsics_33 for view in views])),
        rotation_V33=torch.from_numpy(np.stack([view.rotation_33 for view in views])),
        translation_V3=torch.from_numpy(np.stack([view.translation_3 for view in views])),
        range_2=torch.from_numpy(reference.range_2),
        depth_HW=torch.from_numpy(np.where(known_HW, height_HW, 0).astype(np.float32)),
        known_HW=torch.from_numpy(known_HW.astype(np.float32)),
        zero_um=reference.zero_um,
        pitch_um=reference.pitch_um,
        window=window,
    )
