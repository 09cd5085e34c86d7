"""What is done to one image: drawn from a policy by a seed, a pure function of both."""

from dataclasses import dataclass

import torch

from truscore.augmentation.policy import Policy
from truscore.augmentation.seeds import mixed


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Flipped, turned by quarters, then turned clockwise about its centre, scaled and shifted; then lit anew, blurred,
    given noise and compressed. As it stands here it changes nothing."""

    flip_horizontal: bool = False
    flip_vertical: bool = False
    quarter_turns: int = 0  # clockwise
    angle_deg: float = 0.0
    scale: float = 1.0
    shift_px: tuple[float, float] = (0.0, 0.0)  # right, down
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0  # share of the colour circle
    blur_px: float = 0.0  # standard deviation
    noise_levels: float = 0.0  # standard deviation, of 255
    noise_seed: int = 0
    jpeg_quality: int | None = None

    @property
    def moves(self) -> bool:
        """Whether pixels land between pixels, beyond flips and quarter turns."""
        return (self.angle_deg, self.scale, self.shift_px) != (0.0, 1.0, (0.0, 0.0))


def drawn(policy: Policy, seed: int, *, height: int, width: int) -> Change:
    """The change that belongs to a seed. An oblong image keeps its sides, so that batches stack: it is turned by half
    a circle or not at all."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(18, generator=generator, dtype=torch.float64).tolist()

    def about(number: int, centre: float, reach: float) -> float:
        low, high = centre - reach, centre + reach
        return low + (high - low) * float(share[number])

    def up_to(number: int, probability: float, most: float) -> float:
        return most * float(share[number + 1]) if share[number] < probability else 0.0

    turns = 1 + int(3 * share[11]) if share[10] < policy.quarter_turns else 0
    least = policy.jpeg_quality
    return Change(
        flip_horizontal=share[0] < policy.flip_horizontal,
        flip_vertical=share[9] < policy.flip_vertical,
        quarter_turns=turns if height == width else turns // 2 * 2,
        angle_deg=about(1, 0.0, policy.angle_deg),
        scale=about(2, 1.0, policy.scale),
        shift_px=(about(3, 0.0, policy.shift) * width, about(4, 0.0, policy.shift) * height),
        brightness=about(5, 1.0, policy.brightness),
        contrast=about(6, 1.0, policy.contrast),
        saturation=about(7, 1.0, policy.saturation),
        hue=about(8, 0.0, policy.hue),
        blur_px=up_to(12, policy.blur, policy.blur_px),
        noise_levels=up_to(14, policy.noise, policy.noise_levels),
        noise_seed=mixed(seed, 1),
        jpeg_quality=least + int((96 - least) * share[17]) if share[16] < policy.jpeg else None,
    )
