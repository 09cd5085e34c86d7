"""One picture out of all views of an object, for networks that take three channels. H, W; L lights, C channels.

Each channel is a map of the views, in bytes from 0 to its fixed `most`: a pixel means the same on every card, in
training and afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from truscore.photometric_stereo.flat_card import card_slopes
from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.light_refit import refit_lights
from truscore.photometric_stereo.relief_maps import lamp_deviation, without_bow
from truscore.photometric_stereo.robust import cauchy_shading
from truscore.photometric_stereo.views import LitViews

CHANNELS_FILE = "view_channels.json"
SCHEMA = "truscore.view-channels/1"
_DARK = 0.1  # of full scale: of darker pixels maps are mostly the camera's noise, and count by the share that is light
_SMOOTH_PX = 1.5  # standard deviation of slopes before they are differentiated
_STEEPEST = 0.05  # least part of a normal towards the camera


class UnknownChannels(ValueError):
    """Channels that are none, or a file of them that cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewChannels:
    """What red, green and blue of the picture hold, and the value of each that is written as 255."""

    names: tuple[str, ...]
    most: tuple[float, ...]

    def to_json(self) -> str:
        rows = [{"map": name, "most": most} for name, most in zip(self.names, self.most, strict=True)]
        return json.dumps({"schema": SCHEMA, "channels": rows}, indent=2) + "\n"


@dataclass(frozen=True, kw_only=True)
class _Maps:
    """Of one object, each computed when it is asked for."""

    views: LitViews
    colours_LHW3: NDArray[np.uint8]

    @cached_property
    def pictures(self) -> Array:
        """Linear grey [L, H, W], 0 outside the mask."""
        return self.views.picture(self.views.samples_NL).transpose(2, 0, 1)

    @cached_property
    def lightness(self) -> Array:
        """[H, W], 0 to 1: how much a pixel's map counts."""
        mean_HW = self.pictures.mean(axis=0)
        lightness_HW: Array = mean_HW / (mean_HW + _DARK)
        return lightness_HW

    @cached_property
    def slopes(self) -> Array:
        """[H, W, 2]."""
        return _slopes(self.views, self.pictures)


def _slopes(views: LitViews, pictures_LHW: Array) -> Array:
    """How far the surface leans to the right and up, less plane and bow."""
    mask_HW = views.mask_HW
    if views.directions_L3 is None:
        return card_slopes(pictures_LHW, views.light_names, mask_HW)
    normals_N3 = cauchy_shading(views.samples_NL, refit_lights(views).directions_L3).normals_N3
    leaning_N2 = normals_N3[:, :2] / np.maximum(normals_N3[:, 2:], _STEEPEST)
    leaning_HW2 = views.picture(leaning_N2)
    straight = [np.nan_to_num(without_bow(leaning_HW2[..., axis], mask_HW)) for axis in (0, 1)]
    return np.stack(straight, axis=-1)


def _colour(maps: _Maps, *, at: int) -> Array:
    colour_HW: Array = maps.colours_LHW3[..., at].mean(axis=0) / 255
    return colour_HW


def _grey(maps: _Maps) -> Array:
    grey_HW: Array = maps.colours_LHW3.mean(axis=(0, 3)) / 255
    return grey_HW


def _deviation(maps: _Maps) -> Array:
    return lamp_deviation(maps.pictures) * maps.lightness


def _slope(maps: _Maps) -> Array:
    slope_HW: Array = np.hypot(*np.moveaxis(maps.slopes, -1, 0)) * maps.lightness
    return slope_HW


def _curvature(maps: _Maps) -> Array:
    """Without sign: of a crease both sides count, and do not cancel where the picture is made smaller."""
    smooth_HW2 = cv2.GaussianBlur(maps.slopes, (0, 0), _SMOOTH_PX)
    bent_HW = np.gradient(smooth_HW2[..., 0], axis=1) - np.gradient(smooth_HW2[..., 1], axis=0)
    curvature_HW: Array = np.abs(bent_HW) * maps.lightness
    return curvature_HW


# What 255 stands for: the 99th percentile of 19 photographed cards, rounded.
MAPS: Mapping[str, tuple[float, Callable[[_Maps], Array]]] = MappingProxyType(
    {
        "red": (1.0, partial(_colour, at=0)),
        "green": (1.0, partial(_colour, at=1)),
        "blue": (1.0, partial(_colour, at=2)),
        "grey": (1.0, _grey),
        "lamp_deviation": (0.4, _deviation),
        "slope": (0.5, _slope),
        "curvature": (0.1, _curvature),
    }
)


def view_channels(names: Sequence[str]) -> ViewChannels:
    """Three maps by their names. Raises UnknownChannels."""
    if len(names) != 3 or any(name not in MAPS for name in names):
        raise UnknownChannels(f"channels {', '.join(names) or 'none'}; accepted are three of {', '.join(MAPS)}")
    return ViewChannels(names=tuple(names), most=tuple(MAPS[name][0] for name in names))


def read_channels(folder: Path) -> ViewChannels:
    """Those that the pictures in a folder were made with. Raises UnknownChannels."""
    path = folder / CHANNELS_FILE
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        rows = [(str(row["map"]), float(row["most"])) for row in found["channels"]]
        known = found["schema"] == SCHEMA and all(most > 0 for _, most in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnknownChannels(f"{path} cannot be read: {error}") from error
    if not known:
        raise UnknownChannels(f"{path}: expected the schema {SCHEMA} and values above 0")
    names = view_channels([name for name, _ in rows]).names
    return ViewChannels(names=names, most=tuple(most for _, most in rows))


def channel_picture(views: LitViews, colours_LHW3: NDArray[np.uint8], channels: ViewChannels) -> NDArray[np.uint8]:
    """[H, W, 3] of an object; black outside its mask. Raises InvalidLights and UnknownLamps where slopes need lights
    that are not known."""
    maps = _Maps(views=views, colours_LHW3=colours_LHW3)
    shares = [
        np.clip(np.where(views.mask_HW, MAPS[name][1](maps), 0.0) / most, 0, 1)
        for name, most in zip(channels.names, channels.most, strict=True)
    ]
    return np.round(255 * np.stack(shares, axis=-1)).astype(np.uint8)
