"""A contact sheet: images as they are, and beside each what training makes of it.

Legend: C channels, H, W sides, N instances.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from truscore.augmentation.changes import Change, drawn
from truscore.augmentation.copy_paste import CopyPaste, Pasted
from truscore.augmentation.loading import sample_of, squared_sample_of
from truscore.augmentation.policy import KNOBS, Policy, in_words
from truscore.augmentation.samples import Sample
from truscore.augmentation.seeds import mixed
from truscore.augmentation.transform import apply
from truscore.datasets import ImageRecord, load_image

TILE_PX = 240
GAP_PX = 8
LINE_PX = 16
STEP_X, STEP_Y = TILE_PX + GAP_PX, TILE_PX + GAP_PX + 2 * LINE_PX
LEAST_WIDTH_PX = 1000
COLOURS = ((0, 200, 83), (255, 109, 0), (0, 176, 255), (213, 0, 249), (255, 214, 0), (255, 23, 68))

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """What an epoch makes of an image."""

    epoch: int
    change: Change
    pasted: Pasted | None
    sample: Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """An image as it is, and its variants."""

    record: ImageRecord
    original: Sample
    variants: tuple[Variant, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewedRun:
    """The run that is previewed. ``square``: its networks take squares."""

    policy: Policy
    image_size: int
    square: bool
    seed: int


def previews(
    records: Sequence[ImageRecord], *, folder: Path, run: PreviewedRun, images: int, variants: int
) -> list[Preview]:
    """Images evenly over ``records``, which are the run's training part, as its first epochs see them.

    Raises UnreadableImage or OSError naming the file.
    """
    count = min(images, len(records))
    places = [number * len(records) // count for number in range(count)]
    load = squared_sample_of if run.square else sample_of
    pasting = CopyPaste(records, policy=run.policy, seed=run.seed)

    def loaded(place: int) -> Sample:
        return load(records[place], load_image(folder / records[place].path), image_size=run.image_size)

    return [
        _preview(place, records[place], run=run, variants=variants, pasting=pasting, load=loaded) for place in places
    ]


def _preview(
    place: int,
    record: ImageRecord,
    *,
    run: PreviewedRun,
    variants: int,
    pasting: CopyPaste,
    load: Callable[[int], Sample],
) -> Preview:
    sample = load(place)
    sample = sample.only(torch.tensor([not annotation.crowd for annotation in record.annotations], dtype=torch.bool))
    height, width = sample.image_CHW.shape[-2:]
    made = []
    for epoch in range(1, variants + 1):
        change = drawn(run.policy, mixed(run.seed, epoch, place), height=height, width=width)
        changed = pasting.onto(apply(change, sample), epoch=epoch, index=place, load=load)
        pasted = pasting.drawn(epoch=epoch, index=place)
        made.append(Variant(epoch=epoch, change=change, pasted=pasted, sample=changed))
    return Preview(record=record, original=sample.visible(), variants=tuple(made))


def contact_sheet(shown: Sequence[Preview], *, class_names: Sequence[str], policy: Policy, title: str) -> Image.Image:
    """A row for each image, then the policy with its reasons."""
    columns = 1 + max((len(preview.variants) for preview in shown), default=0)
    width = max(GAP_PX + columns * STEP_X, LEAST_WIDTH_PX)
    below = GAP_PX + 2 * LINE_PX + len(shown) * STEP_Y
    sheet = Image.new("RGB", (width, below + (len(KNOBS) + 1) * LINE_PX), (24, 24, 28))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    pen.text((GAP_PX, GAP_PX), title, fill=(255, 255, 255), font=ImageFont.load_default(size=15))
    for place, label in enumerate(_labels(shown)[:6]):
        at = (width - 160 * (place + 1), GAP_PX)
        pen.text(at, class_names[label - 1], fill=_colour(label), font=font)
    for row, preview in enumerate(shown):
        _row(sheet, pen, font, preview, top=GAP_PX + 2 * LINE_PX + row * STEP_Y)
    words = in_words(policy)
    for number, knob in enumerate(KNOBS):
        for x, text in ((0, knob), (120, words[knob].replace("×", "x")), (360, policy.why.get(knob, ""))):
            pen.text((GAP_PX + x, below + number * LINE_PX), text, fill=(220, 220, 225), font=font)
    return sheet


def _row(sheet: Image.Image, pen: ImageDraw.ImageDraw, font: Font, preview: Preview, *, top: int) -> None:
    tiles = [(preview.original, preview.record.path, "as it is")]
    tiles += [(one.sample, f"epoch {one.epoch}", in_words_of(one)) for one in preview.variants]
    for column, (sample, *words) in enumerate(tiles):
        x = GAP_PX + column * STEP_X
        sheet.paste(_tile(sample), (x, top + 2 * LINE_PX))
        for line, text in enumerate(words):
            pen.text((x, top + line * LINE_PX), _cut(text, font), fill=(190, 190, 200), font=font)


def in_words_of(variant: Variant) -> str:
    """What an epoch does to an image, what it pastes first: lines are cut where they are too long."""
    if variant.pasted is None:
        return change_in_words(variant.change)
    return f"{len(variant.pasted.annotations)} pasted, {change_in_words(variant.change)}"


def change_in_words(change: Change) -> str:
    """The parts of a change that change something."""
    flips = "+".join("h" * change.flip_horizontal + "v" * change.flip_vertical)
    words = [
        f"flip {flips}" * bool(flips),
        f"{90 * change.quarter_turns}°" * bool(change.quarter_turns),
        f"{change.angle_deg:+.1f}°" * bool(change.angle_deg),
        f"x{change.scale:.2f}" * (change.scale != 1),
        f"light x{change.brightness:.2f}" * (change.brightness != 1),
        f"blur {change.blur_px:.1f}" * bool(change.blur_px),
        f"noise {change.noise_levels:.0f}" * bool(change.noise_levels),
        f"jpeg {change.jpeg_quality}" * (change.jpeg_quality is not None),
    ]
    return ", ".join(filter(None, words)) or "unchanged"


def _labels(shown: Iterable[Preview]) -> list[int]:
    return sorted({int(label) for preview in shown for label in preview.original.labels_N})


def _cut(text: str, font: Font) -> str:
    while font.getlength(text) > TILE_PX:
        text = text[:-2] + "…"
    return text


def _tile(sample: Sample) -> Image.Image:
    image_HWC = sample.image_CHW.permute(1, 2, 0).expand(-1, -1, 3).numpy()
    height, width = image_HWC.shape[:2]
    scale = TILE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    tile = Image.fromarray(image_HWC.copy()).resize(size, Image.Resampling.BICUBIC)
    painted_HWC = np.array(tile)
    for number, label in enumerate(sample.labels_N.tolist()):
        mask = Image.fromarray(sample.masks[number].numpy() * np.uint8(255)).resize(size, Image.Resampling.BILINEAR)
        painted_HWC[_edge(np.asarray(mask) > 127)] = _colour(label)
    tile = Image.fromarray(painted_HWC)
    pen = ImageDraw.Draw(tile)
    for label, box in zip(sample.labels_N.tolist(), sample.boxes_N4.tolist(), strict=True):
        left, top, right, bottom = (value * scale for value in box)
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=_colour(label))
    return tile


def _edge(mask_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask that touch its outside."""
    padded = np.pad(mask_HW, 1)
    return mask_HW & ~(padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:])


def _colour(label: int) -> tuple[int, int, int]:
    return COLOURS[(label - 1) % len(COLOURS)]
