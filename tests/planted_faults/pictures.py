"""Faults of pictures: each repaints one image or gives it another header, so that one rule has something to find."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from tests.planted_faults.marks import Fault
from tests.planted_faults.samples import Picture, Sample

TURNS: tuple[Callable[[Picture], Picture], ...] = (
    lambda image_HWC: image_HWC[:, ::-1],
    lambda image_HWC: image_HWC[::-1],
    np.rot90,
    lambda image_HWC: np.rot90(image_HWC, 2),
    lambda image_HWC: np.rot90(image_HWC[:, ::-1], 3),
)


def repainted(change: Callable[[np.random.Generator, Picture], Picture], *, quality: int = 92) -> Fault:
    def plant(sample: Sample) -> None:
        place = sample.anywhere()
        image_HWC = change(sample.random, sample.picture(place))
        sample.repaint(place, np.ascontiguousarray(np.clip(image_HWC, 0, 255).astype(np.uint8)), quality=quality)

    return plant


def _even(random: np.random.Generator, image_HWC: Picture) -> Picture:
    return np.full_like(image_HWC, random.integers(30, 225)) + random.integers(0, 3, size=image_HWC.shape)


def _blurred(random: np.random.Generator, image_HWC: Picture) -> Picture:
    return cv2.GaussianBlur(image_HWC, (0, 0), random.uniform(4, 8))


def _dark(random: np.random.Generator, image_HWC: Picture) -> Picture:
    return image_HWC * (random.uniform(8, 18) / max(float(image_HWC.mean()), 1.0))


def _bright(random: np.random.Generator, image_HWC: Picture) -> Picture:
    """Exposed so long that little but white is left."""
    wanted, gain = random.uniform(243, 250), 1.0
    while np.clip(image_HWC * gain, 0, 255).mean() < wanted and gain < 1e3:
        gain *= 1.3
    return image_HWC * gain


def _flat(random: np.random.Generator, image_HWC: Picture) -> Picture:
    low, high = np.percentile(image_HWC.mean(axis=2), [1, 99])
    return 120 + (image_HWC.astype(np.float64) - low) * (random.uniform(8, 20) / max(high - low, 1))


def _poor(random: np.random.Generator, image_HWC: Picture) -> Picture:
    """A black tray with a small bright spot."""
    empty_HWC = np.zeros_like(image_HWC)
    x, y = random.integers(20, 200, size=2)
    empty_HWC[y : y + 30, x : x + 30] = 255
    return empty_HWC


def _grey(_random: np.random.Generator, image_HWC: Picture) -> Picture:
    return np.repeat(image_HWC.mean(axis=2, keepdims=True), 3, axis=2)


def _resized(factor: tuple[float, float]) -> Fault:
    def plant(sample: Sample) -> None:
        place = sample.anywhere()
        scale = sample.random.uniform(*factor)
        image = sample.images[place]
        sample.change(place, width=max(round(image.width * scale), 1), height=max(round(image.height * scale), 1))

    return plant


def _lengthened(factor: tuple[float, float]) -> Fault:
    def plant(sample: Sample) -> None:
        place = sample.anywhere()
        sample.change(place, width=round(sample.images[place].height * sample.random.uniform(*factor)))

    return plant


def _flagged(**changes: object) -> Fault:
    return lambda sample: sample.change(sample.anywhere(), **changes)


def exact_copy(sample: Sample) -> None:
    one, other = sample.random.choice(len(sample.images), size=2, replace=False)
    old, kept = sample.images[int(one)], sample.images[int(other)]
    sample.change(int(other), sha256=old.sha256, perceptual_hash=old.perceptual_hash, annotations=old.annotations)
    sample.measurements[kept.path] = sample.measurements[old.path]
    sample.planted.add(old.path)


def look_alike(sample: Sample) -> None:
    """The same card photographed again: other light, other noise, a pixel aside."""
    place = sample.anywhere()
    image_HWC = np.roll(sample.picture(place), 1, axis=1).astype(np.float64)
    noise_HWC = sample.random.normal(0, 2, size=image_HWC.shape)
    again_HWC = np.clip(image_HWC * sample.random.uniform(0.9, 1.05) + noise_HWC, 0, 255).astype(np.uint8)
    sample.planted.add(sample.images[place].path)
    sample.repaint(place, again_HWC, quality=85, path="images/again.jpg")


def turned_copy(sample: Sample) -> None:
    place = sample.anywhere()
    turn = TURNS[int(sample.random.integers(len(TURNS)))]
    sample.planted.add(sample.images[place].path)
    copy_HWC = np.ascontiguousarray(turn(sample.picture(place)))
    sample.repaint(place, copy_HWC, quality=85, path="images/copy.jpg", marks=())


PICTURES: Mapping[str, Fault] = {
    "quality.blank_image": repainted(_even),
    "quality.blurred_image": repainted(_blurred),
    "quality.dark_image": repainted(_dark),
    "quality.bright_image": repainted(_bright),
    "quality.low_contrast": repainted(_flat),
    "quality.low_information": repainted(_poor),
    "quality.compression_damage": repainted(lambda _, image_HWC: image_HWC, quality=8),
    "quality.grey_in_colour": repainted(_grey),
    "quality.small_image": _resized((0.05, 0.12)),
    "quality.odd_size": _resized((2.2, 6.0)),
    "quality.mixed_sizes": _resized((4.2, 9.0)),
    "quality.stretched_image": _lengthened((6.2, 9.0)),
    "quality.odd_aspect": _lengthened((1.7, 5.0)),
    "quality.mixed_modes": _flagged(mode="L"),
    "quality.rotated_image": _flagged(orientation=6),
    "image.several_pictures": _flagged(file_format="MPO"),
    "quality.exact_duplicate": exact_copy,
    "quality.near_duplicate": look_alike,
    "leakage.grouped_images": look_alike,
    "leakage.augmented_sibling": turned_copy,
}
