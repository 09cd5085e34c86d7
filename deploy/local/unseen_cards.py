"""The centring that an exported model finds of rendered cards that it has not seen, beside the truth. Pure but for the
labels that it reads.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from truscore.datasets import read_dataset
from truscore.metrics.centring import centring_shares
from truscore.metrics.margins import one_card

Shares = tuple[float, float]
"""Percent of the left and of the upper margin: 50 and 50 is a print in the middle of its card."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredCard:
    """One card; `found` is None where the model found no card with its printed border, `deviations` are the standard
    deviations that it gives itself, in percentage points, None where it gives none."""

    name: str
    truth: Shares
    found: Shares | None
    deviations: Shares | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CentringErrors:
    """Of all cards; `guess` is the average of the training's cards, which stands for whatever was not found."""

    cards: tuple[MeasuredCard, ...]
    guess: Shares

    @property
    def errors_pp(self) -> list[float]:
        """Absolute errors in percentage points, of both directions of every card."""
        return _errors((card.found or self.guess, card.truth) for card in self.cards)

    @property
    def guess_errors_pp(self) -> list[float]:
        """The same of the guess alone, which looks at no picture."""
        return _errors((self.guess, card.truth) for card in self.cards)

    @property
    def better_than_guess(self) -> bool:
        """By the median error: a single wrong line makes the mean of a dozen cards."""
        return median(self.errors_pp) < median(self.guess_errors_pp)

    @property
    def missing(self) -> int:
        """How many cards nothing was measured of."""
        return sum(card.found is None for card in self.cards)

    def lines(self) -> list[str]:
        """For people: a card in each line, then all of them beside the guess."""
        width = max(len(card.name) for card in self.cards)
        missing = f", of which {self.missing} were not found and count as the guess" if self.missing else ""
        left, top = self.guess
        return [
            *(f"{card.name:<{width}}  {_row(card)}" for card in self.cards),
            f"{'error, in points':<{width}}  {_spread(self.errors_pp)}, of {len(self.cards)} cards{missing}",
            f"{'the guess':<{width}}  {_spread(self.guess_errors_pp)}: the average of the training's cards, "
            f"left {left:.1f} top {top:.1f}, for each card",
        ]


def true_centrings(rendered: Path) -> dict[str, Shares]:
    """By the file's name, from the exact borders that were rendered."""
    index = read_dataset(rendered).index
    if index is None:
        raise RuntimeError(f"{rendered} can't be read, though it was rendered just now")
    cards = {Path(record.path).name: one_card(record) for record in index.images}
    found = {name: centring_shares(*card) for name, card in cards.items() if card is not None}
    return {name: shares for name, shares in found.items() if shares is not None}


def average_centring(rendered: Path) -> Shares:
    """What a guess would say that knows these cards and looks at no picture."""
    truths = true_centrings(rendered).values()
    return fmean(left for left, _ in truths), fmean(top for _, top in truths)


def centring_errors(printed: str, *, truths: Mapping[str, Shares], guess: Shares) -> CentringErrors:
    """Of what `truscore predict --json` printed. Every card of `truths` has its place, found or not."""
    surest = dict(_surest(json.loads(line)) for line in printed.splitlines() if line.strip())
    cards = tuple(
        MeasuredCard(
            name=name,
            truth=truth,
            found=_pair(surest.get(name), "left_percent", "top_percent"),
            deviations=_pair(surest.get(name), "left_deviation", "top_deviation"),
        )
        for name, truth in sorted(truths.items())
    )
    return CentringErrors(cards=cards, guess=guess)


def _surest(prediction: Mapping[str, Any]) -> tuple[str, Mapping[str, Any] | None]:
    """The picture's name and the centring of the surest card: there is one card in each picture."""
    return Path(prediction["image"]).name, next(iter(prediction.get("centring") or ()), None)


def _pair(centring: Mapping[str, Any] | None, left: str, top: str) -> Shares | None:
    if centring is None or centring[left] is None or centring[top] is None:
        return None
    return float(centring[left]), float(centring[top])


def _errors(pairs: Iterable[tuple[Shares, Shares]]) -> list[float]:
    return [abs(one - other) for said, truth in pairs for one, other in zip(said, truth, strict=True)]


def _spread(errors: Sequence[float]) -> str:
    return f"median {median(errors):.2f}  mean {fmean(errors):.2f}  largest {max(errors):.2f}"


def _row(card: MeasuredCard) -> str:
    truth = f"true {_text(card.truth)}"
    if card.found is None:
        return f"{truth}   not found"
    left, top = (abs(one - other) for one, other in zip(card.found, card.truth, strict=True))
    own = "" if card.deviations is None else " (give or take {:.1f} and {:.1f})".format(*card.deviations)
    return f"{truth}   found {_text(card.found)}   off by {left:.1f} and {top:.1f}{own}"


def _text(shares: Shares) -> str:
    return f"left {shares[0]:4.1f} top {shares[1]:4.1f}"
