"""A split of objects under many lights as pixels, for networks that learn from views.

Legend: L lights, P pixels, 3 the axes x right, y UP, z to the camera.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from truscore.augmentation.seeds import mixed
from truscore.datasets import DatasetIndex, ImageRecord, load_image
from truscore.datasets.index.records import LitObject
from truscore.photometric_stereo import InvalidViews, LitViews, find_black_level, read_views
from truscore.photometric_stereo.least_squares import InvalidLights, check_lights
from truscore.photometric_stereo.reflectance_truth import read_reflectance_truth

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.protocol import Key

MOST_LIGHT_ERROR_DEG = 2.5  # in each axis, one standard deviation: directions of published sets are off by up to four
LEAST_LIGHTS = 4  # of those that an epoch takes of an object: with three, nothing tells a highlight
MOST_PIXELS = 16_384  # that an object is evaluated on, spread evenly over it

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class LitSample:
    """Pixels of one object; ``place_P`` is where they lie in its picture, counted along its rows."""

    index: int
    samples_LP: Tensor
    lights_L3: Tensor
    level_L: Tensor  # what the camera added to each light's samples
    normals_P3: Tensor
    reflectance_P3: Tensor  # albedo, roughness, F0; zeros where only normals are learnt
    share_L: Tensor  # the largest number of a file, since each light's intensity was divided out
    place_P: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loaded:
    samples_LN: Floats
    lights_L3: Floats
    level_L: Floats
    normals_N3: Floats
    reflectance_N3: Floats
    share_L: Floats
    mask_HW: NDArray[np.bool_]

    @property
    def size_bytes(self) -> int:
        return sum(each.nbytes for each in (self.samples_LN, self.normals_N3, self.reflectance_N3, self.mask_HW))


class Sized(Protocol):
    """What is kept of an object."""

    @property
    def size_bytes(self) -> int: ...


Kept = TypeVar("Kept", bound=Sized)
Sample = TypeVar("Sample")


class LitObjects(ABC, Generic[Kept, Sample]):
    """The objects of a split, in the order in which the split first names a view of them. ``records`` are these
    views, ``first`` their places in the split."""

    def __init__(
        self,
        part: Sequence[ImageRecord],
        objects: Sequence[LitObject],
        *,
        folder: Path,
        image_size: int,
        seed: int,
        cache_limit_bytes: int,
    ) -> None:
        names = [record.light.object for record in part if record.light is not None]
        self.names = tuple(dict.fromkeys(names))
        self.first = tuple(names.index(name) for name in self.names)
        self.records = tuple(part[place] for place in self.first)
        self._index = DatasetIndex(format="", class_names=(), images=tuple(part), objects=tuple(objects))
        self._folder, self._image_size, self._seed = folder, image_size, seed
        self._room_bytes = cache_limit_bytes
        self._cache: dict[int, Kept] = {}

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def __getitem__(self, key: Key) -> Sample: ...

    @abstractmethod
    def _load(self, name: str) -> Kept:
        """What is kept of what is learnt from under this name. Raises InvalidJob."""

    def size_of(self, index: int) -> tuple[int, int]:
        """Height and width of the object's views."""
        return self.records[index].height, self.records[index].width

    def original(self, index: int) -> NDArray[np.uint8]:
        """[H, W, 3]: the object's first view."""
        return load_image(self._folder / self.records[index].path)

    def warm(self, *, threads: int) -> None:
        """Load as much as there is room for."""
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(self._loaded, range(len(self))):
                if not self._room_bytes:
                    return

    def _loaded(self, index: int) -> Kept:
        if index in self._cache:
            return self._cache[index]
        loaded = self._load(self.names[index])
        if loaded.size_bytes <= self._room_bytes:
            self._room_bytes -= loaded.size_bytes
            self._cache[index] = loaded
        return loaded


class ObjectsOfOneCamera(LitObjects[Kept, Sample]):
    """Objects each by itself, by the views of one camera."""

    @abstractmethod
    def _of(self, views: LitViews, level: float) -> Kept:
        """What is kept of an object whose normals or depth are known. Raises InvalidJob."""

    def _load(self, name: str) -> Kept:
        """Raises InvalidJob for views that no normal follows from."""
        try:
            views = read_views(self._folder, self._index, name)
            directions_L3 = views.directions()
            check_lights(views.samples_NL, directions_L3)
        except (InvalidViews, InvalidLights) as error:
            raise InvalidJob(f"object {name!r} cannot be learnt from: {error}") from error
        if not views.mask_HW.any():
            raise InvalidJob(f"object {name!r} cannot be learnt from: its mask marks nothing")
        return self._of(views, find_black_level(views.samples_NL, directions_L3, share_L=views.share_L).level)


Split = TypeVar("Split", bound=LitObjects[Any, Any])


def training_and_validation(
    kind: Callable[..., Split],
    job: TrainingJob,
    evaluated: Sequence[ImageRecord],
    cache_limit_bytes: int,
    **more: Any,
) -> tuple[Split, Split]:
    """A job's training split and the images that it is evaluated on, as ``kind`` holds them; each may keep half of the
    bytes in memory."""
    training, validation = (
        kind(
            part,
            job.objects,
            folder=job.images,
            image_size=job.recipe.image_size,
            seed=job.recipe.seed,
            cache_limit_bytes=cache_limit_bytes // 2,
            **more,
        )
        for part in (job.training, evaluated)
    )
    return training, validation


class LitPixels(ObjectsOfOneCamera[_Loaded, LitSample]):
    """Objects as pixels in no order, whose normals are known."""

    def __getitem__(self, key: Key) -> LitSample:
        """What the network trains on (some lights of a window, as rigs would give them) or, at epoch 0, is tried on."""
        loaded = self._loaded(key.index)
        if not key.epoch:
            pixels = spread_evenly(loaded.samples_LN.shape[1], MOST_PIXELS)
            return _sample(key.index, loaded, np.arange(len(loaded.lights_L3)), pixels)
        rng = np.random.default_rng([mixed(self._seed, key.epoch, key.index) % 2**63])
        lights = drawn_lights(rng, loaded.lights_L3)
        sample = _sample(key.index, loaded, lights, window(rng, loaded.mask_HW, self._image_size))
        return replace(sample, lights_L3=measured_lights(rng, sample.lights_L3))

    def _of(self, views: LitViews, level: float) -> _Loaded:
        if views.normals_HW3 is None:
            raise InvalidJob(f"object {views.name!r} cannot be learnt from: it has no normals within its mask")
        return _Loaded(
            samples_LN=np.ascontiguousarray(views.samples_NL.T, dtype=np.float32),
            lights_L3=views.directions().astype(np.float32),
            level_L=(level * views.share_L).astype(np.float32),
            normals_N3=views.normals_HW3[views.mask_HW].astype(np.float32),
            reflectance_N3=np.zeros((len(views.samples_NL), 3), dtype=np.float32),
            share_L=views.share_L.astype(np.float32),
            mask_HW=views.mask_HW,
        )


class ReflectivePixels(LitPixels):
    """The same, whose reflectance is known, too."""

    def _of(self, views: LitViews, level: float) -> _Loaded:
        try:
            known = read_reflectance_truth(self._folder, self._index, views.name, views.mask_HW)
        except InvalidViews as error:
            raise InvalidJob(f"object {views.name!r} cannot be learnt from: {error}") from error
        reflectance_N3 = np.stack([known.albedo_N, known.roughness_N, known.f0_N], axis=1)
        return replace(super()._of(views, level), reflectance_N3=reflectance_N3.astype(np.float32))


def drawn_lights(rng: np.random.Generator, lights_L3: Floats) -> NDArray[np.int64]:
    """Four or more of an object's lights in any order; all of them where those lie nearly in one plane."""
    count = len(lights_L3)
    wanted = int(rng.integers(min(LEAST_LIGHTS, count), count + 1))
    lights = rng.permutation(count)[:wanted]
    return lights if spans_space(lights_L3[lights]) else np.arange(count)


def window(rng: np.random.Generator, mask_HW: NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    """Numbers of the mask's pixels that a window of at most side x side pixels has: every pixel, or every second or
    third of a larger window, around a pixel of the mask. Mixing neighbours would break the law that is solved."""
    rows_N, columns_N = np.nonzero(mask_HW)
    stride = int(rng.integers(1, max(1, max(mask_HW.shape) // side) + 1))
    at = int(rng.integers(len(rows_N)))
    down_N, across_N = rows_N - rows_N[at], columns_N - columns_N[at]
    reach = stride * side // 2
    inside_N = (np.abs(down_N) <= reach) & (np.abs(across_N) <= reach) & (down_N < reach) & (across_N < reach)
    on_grid_N = (down_N % stride == 0) & (across_N % stride == 0)
    return np.flatnonzero(inside_N & on_grid_N)


def measured_lights(rng: np.random.Generator, lights_L3: Tensor) -> Tensor:
    """As a rig would be measured: each off by an angle whose spread differs from object to object. Every third rig is
    exact, so that a network also learns to leave alone what the solver has explained."""
    spread = np.radians(MOST_LIGHT_ERROR_DEG) * max(0.0, rng.uniform(-0.5, 1))
    moved_L3 = lights_L3 + torch.from_numpy(rng.normal(size=tuple(lights_L3.shape)) * spread).float()
    unit_L3: Tensor = torch.nn.functional.normalize(moved_L3, dim=1)
    return unit_L3


def spread_evenly(count: int, most: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def spans_space(lights_L3: Floats) -> bool:
    """Whether normals follow from these lights well enough to be trained on."""
    strength_3 = np.linalg.svd(lights_L3.astype(np.float64), compute_uv=False)
    return len(strength_3) == 3 and bool(strength_3[2] > 0.1 * strength_3[0])


def _sample(index: int, loaded: _Loaded, lights: NDArray[np.int64], pixels: NDArray[np.int64]) -> LitSample:
    return LitSample(
        index=index,
        samples_LP=torch.from_numpy(loaded.samples_LN[np.ix_(lights, pixels)]),
        lights_L3=torch.from_numpy(loaded.lights_L3[lights]),
        level_L=torch.from_numpy(loaded.level_L[lights]),
        normals_P3=torch.from_numpy(loaded.normals_N3[pixels]),
        reflectance_P3=torch.from_numpy(loaded.reflectance_N3[pixels]),
        share_L=torch.from_numpy(loaded.share_L[lights]),
        place_P=np.flatnonzero(loaded.mask_HW)[pixels],
    )
