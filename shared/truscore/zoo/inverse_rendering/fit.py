"""Fits one object's height, albedo and gloss to its views. N pixels, L lights, M pixels of one step.

After Li & Li 2022 ("Neural Reflectance for Shape Recovery with Shadow Handling", CVPR, and "Self-calibrating
Photometric Stereo by Neural Inverse Rendering", ECCV): coordinate networks, absolute differences of rendered and seen
samples. In place of tracing shadows, samples that nothing near explains lose their weight.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import unwrap

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from truscore.zoo.inverse_rendering.observed import Array, Observed
from truscore.zoo.inverse_rendering.scene import Scene
from truscore.zoo.torch_imports import prepare_optimizers

_RATE, _ALBEDO_RATE = 3e-3, 1e-2
_LAST_RATE = 0.01  # of the first one
_REJECTED = 3.0  # median residuals at which a sample's weight is halved
_LEAST_SPREAD = 1e-3  # of a typical sample
_SETTLED = 0.02  # the share by which the loss may still have fallen over the last quarter
_EXPLAINED = 2.0  # times the pixel's own solution's residual: the surface does not hold there
_PIXELS_AT_ONCE = 8192


class _Adam(torch.optim.Adam):
    # Without the wrapper that imports torch's compiler, which takes longer than the fit of a small object.
    step = torch.no_grad()(unwrap(torch.optim.Adam.step))


class FitUnfinished(RuntimeError):
    """The deadline passed before the steps were done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FitSettings:
    """`most_s` is the deadline; `steps` are after `first_steps`, in which the height takes the given normals' shape."""

    seed: int = 0
    steps: int = 600
    first_steps: int = 150
    pixels: int = 1024
    lobes: int = 3
    most_s: float = 300.0

    def __post_init__(self) -> None:
        if self.steps < 8 or self.first_steps < 1 or self.pixels < 1 or not 0 <= self.lobes <= 16 or self.most_s <= 0:
            text = "accepted are 8 steps and more, 1 first step, 1 pixel, 0 to 16 lobes and a deadline above 0"
            raise ValueError(f"{self}; {text}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedObject:
    """`depth_N` grows towards the camera, in pixels, 0 in the mean. Residuals are medians over the samples that count,
    relative to a typical one: of this result, and of the normals and the albedo that were given.

    `on_surface_N`: whether the fitted surface explains the pixel; others keep the normal that was given.
    `losses` are those of single steps; `converged` says whether they had stopped falling.
    """

    normals_N3: Array
    surface_normals_N3: Array
    depth_N: Array
    albedo_N: Array
    on_surface_N: NDArray[np.bool_]
    residual: float
    residual_given: float
    losses: tuple[float, ...]
    converged: bool

    @property
    def explains_better(self) -> bool:
        """Whether less is left unexplained than by the normals that were given."""
        return self.residual < self.residual_given


def fit_object(
    observed: Observed, settings: FitSettings | None = None, *, clock: Callable[[], float] = time.monotonic
) -> FittedObject:
    """On one thread: the same arguments give the same numbers on one machine, and small products gain nothing by more.
    Raises FitUnfinished at the deadline."""
    settings = settings or FitSettings()
    prepare_optimizers()
    ends_s = clock() + settings.most_s
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        fit = _Fit(observed, settings)
        losses = []
        for step in range(settings.first_steps + settings.steps):
            if clock() > ends_s:
                done = f"{step} of {settings.first_steps + settings.steps} steps"
                raise FitUnfinished(f"{done} in {settings.most_s:g} s: give it more time, or fewer steps")
            loss = fit.shaped() if step < settings.first_steps else fit.stepped(step - settings.first_steps)
            losses.append(loss)
        return fit.result(tuple(losses[settings.first_steps :]))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Fit:
    def __init__(self, observed: Observed, settings: FitSettings) -> None:
        self.settings = settings
        self.scale = float(observed.samples_NL[observed.lit_NL].mean())
        self.seen_NL = _tensor(observed.samples_NL / self.scale)
        self.counts_NL = torch.from_numpy(observed.lit_NL)
        self.given_N3 = _tensor(observed.normals_N3)
        self.given_albedo_N = _tensor(observed.albedo_N / self.scale)
        distance_L = None if observed.lamp_distance_L is None else _tensor(observed.lamp_distance_L)
        self.scene = Scene(
            observed.mask_HW,
            _tensor(observed.directions_L3),
            self.given_albedo_N,
            lobes=settings.lobes,
            distance_L=distance_L,
        )
        networks = [*self.scene.height.parameters(), *self.scene.sheen.parameters(), self.scene.log_sharpness_K]
        self.shape = _Adam(self.scene.height.parameters(), lr=_RATE)
        self.groups = [
            {"params": networks, "first": _RATE},
            {"params": [self.scene.log_albedo_N], "first": _ALBEDO_RATE},
        ]
        self.all = _Adam(self.groups, lr=_RATE)
        self.order = torch.empty(0, dtype=torch.long)

    def shaped(self) -> float:
        """One step towards the normals that were given."""
        pixels = self._next()
        _, normals_M3 = self.scene.surface(pixels)
        return _descend(self.shape, (normals_M3 - self.given_N3[pixels]).abs().mean())

    def stepped(self, step: int) -> float:
        """One step towards the views."""
        share = 0.5 * (1 + math.cos(math.pi * step / self.settings.steps))
        for group in self.all.param_groups:
            group["lr"] = group["first"] * (_LAST_RATE + (1 - _LAST_RATE) * share)
        pixels = self._next()
        height_M, normals_M3 = self.scene.surface(pixels)
        left_ML = (self.scene.rendered(pixels, height_M, normals_M3) - self.seen_NL[pixels]).abs()
        counts_ML = self.counts_NL[pixels]
        if not counts_ML.any():
            return 0.0
        off_ML = left_ML.detach()
        spread = _REJECTED * off_ML[counts_ML].median().clamp(min=_LEAST_SPREAD)
        weight_ML = counts_ML / (1 + (off_ML / spread) ** 2)
        return _descend(self.all, (weight_ML * left_ML).sum() / counts_ML.sum())

    def result(self, losses: tuple[float, ...]) -> FittedObject:
        count = len(self.given_N3)
        parts = [self._read(pixels) for pixels in torch.split(torch.arange(count), _PIXELS_AT_ONCE)]
        surface_N3, height_N, off_NL, off_given_NL = (torch.cat(part) for part in zip(*parts, strict=True))
        on_surface_N = self._explained(off_NL, off_given_NL)
        off_NL = torch.where(on_surface_N[:, None], off_NL, off_given_NL)
        quarter = max(len(losses) // 4, 1)
        before, last = np.mean(losses[-2 * quarter : -quarter]), np.mean(losses[-quarter:])
        albedo_N = torch.where(on_surface_N, self.scene.log_albedo_N.detach().exp(), self.given_albedo_N)
        return FittedObject(
            normals_N3=_array(torch.where(on_surface_N[:, None], surface_N3, self.given_N3)),
            surface_normals_N3=_array(surface_N3),
            depth_N=_array((height_N - height_N.mean()) * self.scene.half_px),
            albedo_N=_array(albedo_N) * self.scale,
            on_surface_N=on_surface_N.numpy(),
            residual=float(off_NL[self.counts_NL].median()),
            residual_given=float(off_given_NL[self.counts_NL].median()),
            losses=losses,
            converged=bool(last > (1 - _SETTLED) * before),
        )

    def _read(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        with torch.no_grad():
            height_M, normals_M3 = self.scene.surface(pixels)
            seen_ML = self.seen_NL[pixels]
            off_ML = (self.scene.rendered(pixels, height_M, normals_M3) - seen_ML).abs()
            facing_ML = (self.given_N3[pixels] @ self.scene.lights_L3.T).clamp(min=0)
            off_given_ML = (self.given_albedo_N[pixels, None] * facing_ML - seen_ML).abs()
        return normals_M3, height_M, off_ML, off_given_ML

    def _explained(self, off_NL: Tensor, off_given_NL: Tensor) -> Tensor:
        """Where the surface leaves little more than the pixel's own solution, or than most of those: three numbers a
        pixel follow its noise, which a surface does not."""
        lights = self.counts_NL.shape[1]
        own_N, surface_N = (_median_of(each_NL, self.counts_NL) for each_NL in (off_given_NL, off_NL))
        free = math.sqrt(lights / max(lights - 3, 1))
        usual = free * float(off_given_NL[self.counts_NL].median())
        return surface_N <= _EXPLAINED * own_N.clamp(min=max(usual, _LEAST_SPREAD))

    def _next(self) -> Tensor:
        """The next pixels of a random order, which begins anew when it ends."""
        if not len(self.order):
            self.order = torch.randperm(len(self.given_N3))
        pixels, self.order = self.order[: self.settings.pixels], self.order[self.settings.pixels :]
        return pixels


def _descend(optimizer: _Adam, loss: Tensor) -> float:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(loss.detach())


def _median_of(off_NL: Tensor, counts_NL: Tensor) -> Tensor:
    """Of each pixel's samples that count [N]; 0 where none does."""
    missing_NL = off_NL.masked_fill(~counts_NL, math.nan)
    return missing_NL.nanmedian(dim=1).values.nan_to_num(0.0)


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()


def _array(values: Tensor) -> Array:
    return values.double().numpy()
