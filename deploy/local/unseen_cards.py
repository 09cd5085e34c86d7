"""Rendered cards that no training has seen, and what was found of their centring beside the truth. Knows no services.

42: four corners of x and y, clockwise from the upper left.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from truscore.datasets.shapes.quadrilateral import corners_of
from truscore.metrics.centring import centring_shares
from truscore.synthesis import render_dataset

OUTER, GRAPHICAL = 1, 2
OPTION = "dual_class"

Shares = tuple[float, float]
"""Percent of the left and of the upper margin: 50 and 50 is a print in the middle of its card."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One card; `found` is None where the model found no card with its printed border."""

    name: str
    truth: Shares
    found: Shares | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Centring:
    """Of all cards; `guess` is the average of the training's cards, which stands for whatever was not found."""

    cards: tuple[Measured, ...]
    guess: Shares

    @property
    def error_pp(self) -> float:
        """Mean absolute error in percentage points, over both directions of every card."""
        return fmean(_errors((card.found or self.guess, card.truth) for card in self.cards))

    @property
    def guess_error_pp(self) -> float:
        """The same of the guess alone, which looks at no picture."""
        return fmean(_errors((self.guess, card.truth) for card in self.cards))

    @property
    def missing(self) -> int:
        """How many cards nothing was measured of."""
        return sum(card.found is None for card in self.cards)

    def lines(self) -> list[str]:
        """For people: a card in each line, then all of them beside the guess."""
        width = max(len(card.name) for card in self.cards)
        rows = [f"{card.name:<{width}}  {_row(card)}" for card in self.cards]
        guess = f"left {self.guess[0]:.1f} and top {self.guess[1]:.1f} every time, the training cards' average"
        missing = f"; {self.missing} not found, which count as that guess" if self.missing else ""
        return [
            *rows,
            f"mean error {self.error_pp:.2f} percentage points{missing}; {self.guess_error_pp:.2f} by saying {guess}",
        ]


def render_unseen(folder: Path, *, count: int, seed: int) -> Path:
    """Cards with both borders; `seed` has to be another than the training's."""
    return render_dataset(folder, count=count, option=OPTION, seed=seed)


def true_centrings(rendered: Path) -> dict[str, Shares]:
    """By the file's name, from the exact borders that were rendered."""
    content = json.loads((rendered / "annotations.json").read_text(encoding="utf-8"))
    names = {image["id"]: image["file_name"] for image in content["images"]}
    borders: dict[str, dict[int, Sequence[float]]] = {name: {} for name in names.values()}
    for annotation in content["annotations"]:
        borders[names[annotation["image_id"]]][annotation["category_id"]] = annotation["segmentation"][0]
    return {name: shares for name, both in borders.items() if (shares := _shares(both)) is not None}


def average_centring(rendered: Path) -> Shares:
    """What a guess would say that knows these cards and looks at no picture."""
    truths = true_centrings(rendered).values()
    return fmean(left for left, _ in truths), fmean(top for _, top in truths)


def measured_centring(printed: str, *, truths: Mapping[str, Shares], guess: Shares) -> Centring:
    """Of what `truscore predict --json` printed. Every card of `truths` has its place, found or not."""
    found = dict(_found(json.loads(line)) for line in printed.splitlines() if line.strip())
    cards = tuple(Measured(name=name, truth=truth, found=found.get(name)) for name, truth in sorted(truths.items()))
    return Centring(cards=cards, guess=guess)


def _found(prediction: Mapping[str, object]) -> tuple[str, Shares | None]:
    """The surest card's; there is one in each picture."""
    centrings = prediction.get("centring")
    name = Path(str(prediction["image"])).name
    if not isinstance(centrings, list) or not centrings:
        return name, None
    return name, (float(centrings[0]["left_percent"]), float(centrings[0]["top_percent"]))


def _shares(borders: Mapping[int, Sequence[float]]) -> Shares | None:
    outer_42, graphical_42 = (corners_of(borders[label]) for label in (OUTER, GRAPHICAL))
    return None if outer_42 is None or graphical_42 is None else centring_shares(outer_42, graphical_42)


def _errors(pairs: Iterable[tuple[Shares, Shares]]) -> list[float]:
    return [abs(one - other) for said, truth in pairs for one, other in zip(said, truth, strict=True)]


def _row(card: Measured) -> str:
    truth = f"true {_text(card.truth)}"
    if card.found is None:
        return f"{truth}   not found"
    left, top = (math.fabs(one - other) for one, other in zip(card.found, card.truth, strict=True))
    return f"{truth}   found {_text(card.found)}   off by {left:.1f} and {top:.1f}"


def _text(shares: Shares) -> str:
    return f"left {shares[0]:4.1f} top {shares[1]:4.1f}"
