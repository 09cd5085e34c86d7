"""How exactly the second stage places borders, where the truth is known: ``python -m tests.bench.border_lines``.

It is trained as long as a small set trains it, on rendered cards, told their usual margins, and measured on cards of
unseen designs, from starts that are off as a small detector's are. Then one card is turned, scaled, made noisy and
compressed in twenty known ways: centring is a property of the card, so its spread is the stage's own. Last, rendered
scans of cards whose borders are hard to tell (lines beside the print, plates, sleeves, print up to the edge):
``--scans`` of the training cards are such ones too. Prints JSON; with ``--picture FILE`` the median card of unseen
designs and the three worst are drawn.

42: four corners of x and y, clockwise from the upper left.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from truscore.augmentation.border_strips import OUTLINE_DEVIATION, KnownBorder, border_strips
from truscore.datasets.shapes.quadrilateral import corners_of
from truscore.metrics.borders import edge_distances
from truscore.metrics.centring import centring_shares
from truscore.metrics.margins import margins_of_cards
from truscore.synthesis.scanned.scan import render_scan
from truscore.synthesis.scene import render_scene
from truscore.zoo.detection.border_lines.stage import BorderLines, Lines
from truscore.zoo.losses.border_lines import line_loss

from tests.bench.border_pictures import Pair, Placed, draw_borders

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

WIDTH, HEIGHT = 900, 1200
TRAINING, UNSEEN, VARIATIONS = 40, 30, 20
STRIPS, RATE = 8, 2e-3  # of each border and step, as 26 scans have them
# Of a start, in shares of the card's width: where it lies and how large it is (33 scans, the small recipe, held out).
SHIFT, GROWTH = 0.02, 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """A picture and its card's corners: the edge's, the printed border's; which sides of the latter are there."""

    image_HWC: Picture
    outer_42: Points
    graphical_42: Points
    printed_4: tuple[bool, ...] = (True, True, True, True)

    @property
    def centring(self) -> tuple[float, float]:
        return centring_shares(self.outer_42, self.graphical_42) or (50.0, 50.0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.border_lines", description=__doc__)
    parser.add_argument("--steps", type=int, default=520, help="of training, on strips of two cards each")
    parser.add_argument("--scans", type=int, default=0, help="rendered scans beside the training cards")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="where the picture is written")
    requested = parser.parse_args(arguments)
    training = [rendered(requested.seed, number) for number in range(TRAINING)]
    training += [scanned(requested.seed, number) for number in range(requested.scans)]
    stage = trained(training, steps=requested.steps, seed=requested.seed)
    unseen = [rendered(requested.seed, 1000 + number) for number in range(UNSEEN)]
    rng = np.random.default_rng([requested.seed, 7])
    average = (np.mean([scan.outer_42 for scan in training], 0), np.mean([scan.graphical_42 for scan in training], 0))
    starts = [started(rng, scan) for scan in unseen]
    answers = [placed(stage, scan.image_HWC, start) for scan, start in zip(unseen, starts, strict=True)]
    variations = [varied(rng, unseen[0]) for _ in range(VARIATIONS)]
    found = [placed(stage, scan.image_HWC, started(rng, scan)) for scan in variations]
    result = {
        "unseen designs": {
            "second stage": errors(unseen, answers),
            "where it starts": errors(unseen, starts),
            "average border": errors(unseen, [average] * len(unseen)),
        },
        "one card, twenty ways": {"centring_spread_p95_pp": spread(found), **errors(variations, found)},
        "hard to tell": hard(stage, [scanned(requested.seed, 1000 + number) for number in range(UNSEEN)], rng),
    }
    if requested.picture:
        draw_borders(requested.picture, shown(unseen, starts, answers))
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0


def rendered(seed: int, number: int) -> Scan:
    scene = render_scene(np.random.default_rng([11, seed, number]), WIDTH, HEIGHT)
    outer_42, graphical_42 = (corners_of(one.ravel().tolist()) for one in (scene.outer_N2, scene.graphical_N2))
    if outer_42 is None or graphical_42 is None:
        raise RuntimeError(f"rendered card {number} of seed {seed} has no four corners")
    return Scan(image_HWC=scene.image_HWC, outer_42=outer_42, graphical_42=graphical_42)


def scanned(seed: int, number: int) -> Scan:
    scan = render_scan(np.random.default_rng([12, seed, number]), WIDTH, HEIGHT)
    return Scan(
        image_HWC=scan.image_HWC, outer_42=scan.outer_42, graphical_42=scan.graphical_42, printed_4=scan.printed_4
    )


def hard(stage: BorderLines, scans: Sequence[Scan], rng: Generator) -> Mapping[str, float]:
    """Errors of the sides that are there; of those, the share that is said not to be, and of the others the share that
    is."""
    found = [lines_of(stage, scan.image_HWC, started(rng, scan)) for scan in scans]
    there = np.array([scan.printed_4 for scan in scans])
    said_N4 = np.array([lines.confidence_Q4[1].numpy() > 0 for lines in found])
    edges_N24 = np.array(
        [
            [
                np.mean(edge_distances(known_42, lines.corners_Q42[kind].double().numpy()), axis=1)
                for kind, known_42 in enumerate((scan.outer_42, scan.graphical_42))
            ]
            for scan, lines in zip(scans, found, strict=True)
        ]
    )
    return {
        **_figures("outer_edge_error{}_px", edges_N24[:, 0].ravel()),
        **_figures("graphical_edge_error{}_px", edges_N24[:, 1][there]),
        "printed_sides_said_absent": round(float(1 - said_N4[there].mean()), 3),
        "absent_sides_said_absent": round(float(1 - said_N4[~there].mean()), 3),
    }


def trained(scans: Sequence[Scan], *, steps: int, seed: int) -> BorderLines:
    torch.manual_seed(seed)
    stage = BorderLines(2)
    optimizer = torch.optim.AdamW(stage.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    rng = np.random.default_rng([seed, 3])
    for step in range(1, steps + 1):
        given = [strips_of(scans[at], step, int(at), seed) for at in rng.choice(len(scans), 2, replace=False)]
        batch = {name: torch.cat([one[name] for one in given]) for name in given[0]}
        strips, inside = batch["strips"].float() / 255, batch["strips_inside"].float()
        log_SKTA, log_none_SK = stage.network(strips, inside, batch["strips_reach"], batch["strips_kind"])
        known = (batch["strips_offset"], batch["strips_deviation"], batch["strips_there"])
        optimizer.zero_grad()
        line_loss(log_SKTA, log_none_SK, *known).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    margins_24 = margins_of_cards([(scan.outer_42, scan.graphical_42) for scan in scans if all(scan.printed_4)])
    if margins_24 is not None:
        stage.margins_24.copy_(torch.from_numpy(margins_24))
    return stage.eval()


def strips_of(scan: Scan, step: int, at: int, seed: int) -> dict[str, torch.Tensor]:
    borders = [
        KnownBorder(corners_42=scan.outer_42, kind=0, deviation=OUTLINE_DEVIATION),
        KnownBorder(corners_42=scan.graphical_42, kind=1, deviation=OUTLINE_DEVIATION, there_4=scan.printed_4),
    ]
    return border_strips(scan.image_HWC, borders, kinds=2, count=STRIPS, seed=seed, epoch=step, index=at)


def started(rng: Generator, scan: Scan) -> Pair:
    """Each border moved and resized on its own, as a detector gives them."""
    width = float(np.ptp(scan.outer_42[:, 0]))
    starts = []
    for corners_42 in (scan.outer_42, scan.graphical_42):
        middle_2 = corners_42.mean(axis=0)
        grown_2 = 1 + rng.normal(0, GROWTH, size=2)
        starts.append(middle_2 + (corners_42 - middle_2) * grown_2 + rng.normal(0, SHIFT * width, size=2))
    return starts[0], starts[1]


def lines_of(stage: BorderLines, image_HWC: Picture, start: Pair) -> Lines:
    image_CHW = torch.from_numpy(image_HWC).permute(2, 0, 1).float() / 255
    with torch.no_grad():
        lines: Lines = stage(image_CHW, torch.tensor(np.array(start), dtype=torch.float32), torch.tensor([0, 1]))
    return lines


def placed(stage: BorderLines, image_HWC: Picture, start: Pair) -> Pair:
    outer_42, graphical_42 = lines_of(stage, image_HWC, start).corners_Q42.double().numpy()
    return outer_42, graphical_42


def varied(rng: Generator, scan: Scan) -> Scan:
    """Turned by up to 4 degrees, at 0.7 to 1.1 of its size, with noise of up to 5 levels, as JPEG of 60 to 95."""
    turn_23 = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), float(rng.uniform(-4, 4)), float(rng.uniform(0.7, 1.1)))
    # OpenCV counts from pixel centres, we from pixel corners.
    centres_23 = turn_23.copy()
    centres_23[:, 2] += turn_23[:, :2] @ (0.5, 0.5) - 0.5
    seen_HWC = cv2.warpAffine(
        scan.image_HWC, centres_23, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    ).astype(np.float32)
    seen_HWC += rng.standard_normal(seen_HWC.shape, dtype=np.float32) * np.float32(rng.uniform(0, 5))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))]
    _, encoded = cv2.imencode(".jpg", np.clip(np.rint(seen_HWC), 0, 255).astype(np.uint8), quality)
    image_HWC = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    outer_42, graphical_42 = (one @ turn_23[:, :2].T + turn_23[:, 2] for one in (scan.outer_42, scan.graphical_42))
    return Scan(image_HWC=image_HWC, outer_42=outer_42, graphical_42=graphical_42)


def errors(scans: Sequence[Scan], found: Sequence[Pair]) -> Mapping[str, float]:
    """Edge errors in pixels and centring errors in percentage points."""
    edges, centrings = [], []
    for scan, (outer_42, graphical_42) in zip(scans, found, strict=True):
        edges += [edge_distances(scan.outer_42, outer_42), edge_distances(scan.graphical_42, graphical_42)]
        shares = centring_shares(outer_42, graphical_42) or (50.0, 50.0)
        centrings += [abs(share - target) for share, target in zip(shares, scan.centring, strict=True)]
    return _figures("edge_error{}_px", np.ravel(edges)) | _figures("centring_error{}_pp", np.array(centrings))


def shown(scans: Sequence[Scan], starts: Sequence[Pair], found: Sequence[Pair]) -> list[Placed]:
    """The card in the middle by the mean error of its edges, and the three worst."""
    off = [float(np.mean([edge_distances(scan.outer_42, outer_42), edge_distances(scan.graphical_42, graphical_42)]))
           for scan, (outer_42, graphical_42) in zip(scans, found, strict=True)]  # fmt: skip
    order = np.argsort(off)
    rows = [("the median of unseen designs", order[len(order) // 2])]
    rows += [(f"worst but {place}" if place else "the worst", order[-1 - place]) for place in range(3)]
    return [
        Placed(
            caption=f"{name}: edges off by {off[at]:.2f} px in the mean",
            image_HWC=scans[at].image_HWC,
            true=(scans[at].outer_42, scans[at].graphical_42),
            start=starts[at],
            found=found[at],
        )
        for name, at in rows
    ]


def spread(found: Sequence[Pair]) -> float:
    """The 95th percentile of how far a centring is from the median of all, left and right, top and bottom."""
    shares_N2 = np.array([centring_shares(*one) or (50.0, 50.0) for one in found])
    return round(float(np.percentile(np.abs(shares_N2 - np.median(shares_N2, axis=0)), 95)), 3)


def _figures(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    figures = {"": np.mean(values), "_median": np.median(values), "_p95": np.percentile(values, 95)}
    return {name.format(kind): round(float(value), 3) for kind, value in figures.items()}


if __name__ == "__main__":
    sys.exit(main())
