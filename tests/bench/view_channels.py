"""What channels tell of creases without a network: `python -m tests.bench.view_channels --to FOLDER`.

Fisher's linear discriminant (1936, "The use of multiple measurements in taxonomic problems") of blurs, gradients and
lines of each channel at a quarter of the pictures' size, for each card learnt from the other 18: seconds of one core,
so that channels, four and five of them as well, can be told apart where trainings of networks differ by their seeds.
Writes `figures.json` and `cards.png`. N pixels, F features.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from truscore.augmentation.pixel_labels import label_map
from truscore.datasets import load_image, read_dataset
from truscore.metrics.segmentation import count_pixels, segmentation_metrics
from truscore.photometric_stereo.view_channels import view_channels
from truscore.photometric_stereo.view_dataset import write_view_pictures

from tests.bench.picture_sheet import CELL_PX, write_sheet

CARDS = "baseball_cards_4light_labelme"
KINDS = (("red", "green", "blue"), ("grey", "lamp_deviation", "curvature"))
SETS = (
    ("lamp_deviation, thresholded",),
    ("curvature, thresholded",),
    ("gradient of grey, thresholded",),
    ("grey",),
    ("lamp_deviation",),
    ("curvature",),
    ("grey", "lamp_deviation"),
    ("grey", "curvature"),
    ("grey", "lamp_deviation", "curvature"),
    ("red", "green", "blue"),
    ("red", "green", "blue", "lamp_deviation"),
    ("red", "green", "blue", "curvature"),
    ("red", "green", "blue", "lamp_deviation", "curvature"),
)
SHOWN = (SETS[-4], SETS[-5])
HEADINGS = ("marked by a person", "found by colours", "the maps", "found with the maps")
SHRINK, BLURS_PX, RIDGE, LEVELS = 4, (1.0, 2.0, 4.0), 1e-3, 4000
Numbers = NDArray[np.floating]
Counts = NDArray[np.integer]


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """Features by map [N, F], and which pixels are marked."""

    path: str
    features: dict[str, Numbers]
    marked_HW: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """Of each card the AUC of its pixels and which were found, above the threshold that is best on the others."""

    auc: tuple[float, ...]
    found: tuple[NDArray[np.bool_], ...]

    def figures(self, cards: Sequence[Card]) -> dict[str, float]:
        error = float(np.std(self.auc, ddof=1) / len(self.auc) ** 0.5)
        pairs = list(zip(cards, self.found, strict=True))
        counted = [
            count_pixels(place, card.marked_HW.astype(np.uint8), found_HW.astype(np.uint8), classes=2)
            for place, (card, found_HW) in enumerate(pairs)
        ]
        metrics = segmentation_metrics(counted)
        return {
            "AUC": round(float(np.mean(self.auc)), 3),
            "its standard error": round(error, 3),
            "dice": round(metrics["binary_dice"], 3),
            "boundary_F1": round(metrics["boundary_F1"], 3),
        }

    def dice(self, cards: Sequence[Card], place: int) -> float:
        both = int((self.found[place] & cards[place].marked_HW).sum())
        return 2 * both / max(int(self.found[place].sum() + cards[place].marked_HW.sum()), 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where the real datasets lie")
    parser.add_argument("--to", type=Path, required=True, help="folder that is written; pictures in it are used again")
    options = parser.parse_args()
    cards = list(_cards(options.data / CARDS, options.to))
    evaluated = {names: _evaluated(cards, names) for names in SETS}
    rows = {", ".join(names): found.figures(cards) for names, found in evaluated.items()}
    (options.to / "figures.json").write_text(json.dumps(rows, indent=2) + "\n")
    sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    _draw(options.to, cards, [evaluated[names] for names in SHOWN])
    return 0


def _cards(folder: Path, to: Path) -> Iterator[Card]:
    views, labels = read_dataset(folder / "raw").index, read_dataset(folder / "processed").index
    assert views is not None
    assert labels is not None
    for at, names in enumerate(KINDS):
        if not (to / f"kind-{at}").exists():
            channels = view_channels(names)
            write_view_pictures(folder / "raw", views, to / f"kind-{at}", channels=channels, labels=labels)
    index = read_dataset(to / "kind-0").index
    assert index is not None
    for record in index.images:
        side = record.width // SHRINK, record.height // SHRINK
        features: dict[str, Numbers] = {}
        for at, names in enumerate(KINDS):
            picture_HW3 = load_image(to / f"kind-{at}" / record.path)
            small_HW3 = cv2.resize(picture_HW3, side, interpolation=cv2.INTER_AREA).astype(np.float64) / 255
            features |= {name: _features(small_HW3[..., place]) for place, name in enumerate(names)}
        for name, at in (("lamp_deviation", 0), ("curvature", 0), ("grey", 2)):
            alone = f"{'gradient of ' if at else ''}{name}, thresholded"
            features[alone] = features[name][:, at : at + 1]
        target_HW = np.asarray(label_map(record, side[1], side[0]))
        yield Card(path=record.path, features=features, marked_HW=target_HW == 1)


def _features(map_HW: Numbers) -> Numbers:
    """The map, and at each blur its value, gradient, and how bright and how dark a line runs there."""
    found: list[Any] = [map_HW]
    for blur in BLURS_PX:
        smooth_HW = cv2.GaussianBlur(map_HW, (0, 0), blur)
        right_HW, down_HW = np.gradient(smooth_HW, axis=1), np.gradient(smooth_HW, axis=0)
        across_HW, along_HW = np.gradient(right_HW, axis=1), np.gradient(down_HW, axis=0)
        mixed_HW = np.gradient(right_HW, axis=0)
        # Eigenvalues of the Hessian (Frangi et al. 1998, "Multiscale vessel enhancement filtering", section 2).
        mean_HW, root_HW = (across_HW + along_HW) / 2, np.hypot((across_HW - along_HW) / 2, mixed_HW)
        lines = (np.maximum(root_HW - mean_HW, 0), np.maximum(root_HW + mean_HW, 0))
        found += [smooth_HW, np.hypot(right_HW, down_HW), *lines]
    return np.stack(found, axis=-1).reshape(-1, len(found))


def _evaluated(cards: Sequence[Card], names: Sequence[str]) -> Evaluated:
    features = [np.concatenate([card.features[name] for name in names], axis=1) for card in cards]
    spread_F = np.std(np.concatenate(features), axis=0) + 1e-9
    features = [each_NF / spread_F for each_NF in features]
    marked = [card.marked_HW.ravel() for card in cards]
    moments = [_moments(each_NF, marked_N) for each_NF, marked_N in zip(features, marked, strict=True)]
    aucs, found = [], []
    for at, card in enumerate(cards):
        others = [other for other in range(len(cards)) if other != at]
        weights_F = _discriminant([moments[other] for other in others])
        scores = [each_NF @ weights_F for each_NF in features]
        low, high = (float(np.quantile(np.concatenate(scores), share)) for share in (0.001, 0.9999))
        counts = [_levels(score_N, marked_N, low, high) for score_N, marked_N in zip(scores, marked, strict=True)]
        aucs.append(_auc(*counts[at]))
        threshold = low + (high - low) * _best_level([counts[other] for other in others]) / LEVELS
        found.append((scores[at] >= threshold).reshape(card.marked_HW.shape))
    return Evaluated(auc=tuple(aucs), found=tuple(found))


def _moments(each_NF: Numbers, marked_N: NDArray[np.bool_]) -> tuple[tuple[int, Numbers, Numbers], ...]:
    """Count, sum and sum of products, of other and of marked pixels."""
    parts = (each_NF[~marked_N], each_NF[marked_N])
    return tuple((len(part_NF), part_NF.sum(axis=0), part_NF.T @ part_NF) for part_NF in parts)


def _discriminant(moments: Sequence[tuple[tuple[int, Numbers, Numbers], ...]]) -> Numbers:
    means: list[Numbers] = []
    within_FF: Numbers = np.zeros_like(moments[0][0][2])
    for kind in (0, 1):
        count = sum(each[kind][0] for each in moments)
        mean_F = np.asarray(sum(each[kind][1] for each in moments)) / count
        within_FF = within_FF + sum(each[kind][2] for each in moments) / count - np.outer(mean_F, mean_F)
        means.append(mean_F)
    weights_F: Numbers = np.linalg.solve(within_FF + RIDGE * np.eye(len(within_FF)), means[1] - means[0])
    return weights_F


def _levels(score_N: Numbers, marked_N: NDArray[np.bool_], low: float, high: float) -> tuple[Counts, Counts]:
    level_N = np.clip((score_N - low) / (high - low) * LEVELS, 0, LEVELS - 1).astype(np.int64)
    return np.bincount(level_N[marked_N], minlength=LEVELS), np.bincount(level_N[~marked_N], minlength=LEVELS)


def _auc(marked_V: Counts, others_V: Counts) -> float:
    below_V = np.concatenate([[0], np.cumsum(others_V)[:-1]])
    return float((marked_V * (below_V + others_V / 2)).sum() / (marked_V.sum() * others_V.sum()))


def _best_level(counts: Sequence[tuple[Counts, Counts]]) -> int:
    marked_V, others_V = (sum(each) for each in zip(*counts, strict=True))
    hit_V, wrong_V = (np.cumsum(each_V[::-1])[::-1] for each_V in (marked_V, others_V))
    return int(np.argmax(2 * hit_V / (hit_V[0] + hit_V + wrong_V)))


def _draw(to: Path, cards: Sequence[Card], shown: Sequence[Evaluated]) -> None:
    """The card that gains most by the maps, one in the middle, and the one that loses most."""
    before, after = shown
    gains = sorted(range(len(cards)), key=lambda place: before.dice(cards, place) - after.dice(cards, place))
    rows = []
    for place in (gains[0], gains[len(gains) // 2], gains[-1]):
        path = cards[place].path
        colours, maps = (load_image(to / f"kind-{at}" / path) for at in (0, 1))
        light = np.clip(colours * (200 / max(float(np.percentile(colours, 97)), 1.0)), 0, 255).astype(np.uint8)
        rows.append(
            [
                (_cell(light, cards[place].marked_HW), Path(path).stem),
                (_cell(light, before.found[place]), f"Dice {before.dice(cards, place):.2f}"),
                (_cell(maps, None), ""),
                (_cell(light, after.found[place]), f"Dice {after.dice(cards, place):.2f}"),
            ]
        )
    write_sheet(to / "cards.png", HEADINGS, rows)
    with Image.open(to / "cards.png") as sheet:
        small = sheet.convert("RGB").quantize(48, dither=Image.Dither.NONE)
    small.save(to / "cards.png", optimize=True)


def _cell(image_HWC: NDArray[np.uint8], marked_HW: NDArray[np.bool_] | None) -> Image.Image:
    shown_HWC = image_HWC.copy()
    if marked_HW is not None:
        sized_HW = np.asarray(Image.fromarray(marked_HW).resize(image_HWC.shape[1::-1], Image.Resampling.NEAREST))
        shown_HWC[sized_HW] = (shown_HWC[sized_HW] + 3 * np.array([255, 40, 40])) // 4
    picture = Image.fromarray(shown_HWC)
    picture.thumbnail((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
    cell = Image.new("RGB", (CELL_PX, CELL_PX), "white")
    cell.paste(picture, ((CELL_PX - picture.width) // 2, 0))
    return cell


if __name__ == "__main__":
    raise SystemExit(main())
