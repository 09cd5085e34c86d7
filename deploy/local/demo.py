"""The demonstration: rendered cards in, a verified model out. Knows one order and how to check its result."""

import asyncio
import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from truscore.recipes import primary_metric_of
from truscore.storage import S3Store
from truscore.synthesis import render_dataset

from deploy.local.progress.event_tap import NoEvent, TappedEvent, next_event, tap_events
from deploy.local.progress.timeline import ENDS, concerns, line_of
from deploy.local.servers.programs import REPOSITORY
from deploy.local.unseen_cards import CentringErrors, average_centring, centring_errors, true_centrings

CARDS = 64
UNSEEN_CARDS = 12
SEED = 7
UNSEEN_SEED = 8
# A card of 63 mm has some 3 mm of frame on each side: 20 px here, of which a tenth is half a point of centring.
IMAGE_SIZE = (640, 640)
DATASET = "demo-cards"
CATEGORY, OPTION = "border_detection", "dual_class"
LEAST_AP50 = 0.90
SILENCE_S = 300.0
LONGEST_S = 3600.0
MOST_ARTEFACT_BYTES = 2 * 2**30
SUBMIT_TIMEOUT_S = 120.0
PREDICT_TIMEOUT_S = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """How much is rendered and trained; None epochs are those of the recipe, which reach the promised quality."""

    cards: int = CARDS
    epochs: int | None = None


SHORT = Extent(cards=24, epochs=1)


class DemoFailed(RuntimeError):
    """The model was not made, or is not what was announced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """All that was tapped of the order, the last event last, and what the exported file says of unseen cards."""

    events: tuple[TappedEvent, ...]
    artefacts: tuple[str, ...]
    centring: CentringErrors


def run_demo(
    known: Mapping[str, str],
    *,
    scratch: Path,
    drawings: Path,
    echo: Callable[[str], None],
    extent: Extent = Extent(),
) -> Shown:
    """Render under `scratch`, order, watch, verify and try the model, on the stack with these addresses. What it finds
    of cards that it has not seen is drawn into `drawings`, which are emptied first."""
    version = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        echo(f"rendering {extent.cards} cards")
        rendered = _rendered(Path(folder) / "cards", count=extent.cards, seed=SEED)
        try:
            events = asyncio.run(_order_and_watch(known, order_of(rendered, version, extent), version, echo))
        except (NoEvent, TimeoutError) as failure:
            raise DemoFailed(str(failure) or f"no model within {LONGEST_S:g} s") from None
        if events[-1].name != "ModelExported":
            raise DemoFailed(line_of(events[-1]) or events[-1].name)
        run_id = events[-1].fields["run_id"]
        try:
            centring = asyncio.run(
                _centring(known, run_id, rendered=rendered, scratch=Path(folder), drawings=drawings, echo=echo)
            )
        except TimeoutError:
            raise DemoFailed(f"truscore predict did not end within {PREDICT_TIMEOUT_S:g} s") from None
    store = S3Store(known["TRUSCORE_S3_ENDPOINT"], known["TRUSCORE_S3_ACCESS_KEY"], known["TRUSCORE_S3_SECRET_KEY"])
    return Shown(events=tuple(events), artefacts=tuple(_verified(store, events[-1])), centring=centring)


def _rendered(folder: Path, *, count: int, seed: int) -> Path:
    return render_dataset(folder, count=count, option=OPTION, seed=seed, image_size=IMAGE_SIZE)


async def _centring(
    known: Mapping[str, str],
    run_id: str,
    *,
    rendered: Path,
    scratch: Path,
    drawings: Path,
    echo: Callable[[str], None],
) -> CentringErrors:
    """What the run's exported file says of cards that it has not seen; drawn into `drawings`."""
    unseen = _rendered(scratch / "unseen", count=UNSEEN_CARDS, seed=UNSEEN_SEED)
    shutil.rmtree(drawings, ignore_errors=True)
    predict = ["predict", run_id, str(unseen / "images"), "--json", "--to", str(drawings)]
    printed = await _truscore(known, predict, echo, scratch=scratch, timeout_s=PREDICT_TIMEOUT_S)
    return centring_errors(printed, truths=true_centrings(unseen), guess=average_centring(rendered))


async def _order_and_watch(
    known: Mapping[str, str], order: Sequence[str], version: str, echo: Callable[[str], None]
) -> list[TappedEvent]:
    async with asyncio.timeout(LONGEST_S), tap_events(known["TRUSCORE_AMQP_URL"]) as tapped:
        await _truscore(known, order, echo, scratch=Path(order[1]).parent, timeout_s=SUBMIT_TIMEOUT_S)
        events: list[TappedEvent] = []
        run_id = ""
        while not events or events[-1].name not in ENDS:
            of_order = partial(concerns, dataset_id=DATASET, version=version, run_id=run_id)
            event = await next_event(tapped, of_order, timeout_s=SILENCE_S)
            run_id = run_id or event.fields.get("run_id", "")
            events.append(event)
            if line := line_of(event, primary_metric=primary_metric_of(CATEGORY, OPTION, "")):
                echo(line)
    return events


def order_of(rendered: Path, version: str, extent: Extent) -> list[str]:
    """Arguments of `truscore`. The cards are the same each time; the request id makes it another run nevertheless."""
    order = ["submit", str(rendered), "--category", CATEGORY, "--option", OPTION, "--export", "onnx"]
    order += ["--id", DATASET, "--version", version, "--request-id", version]
    epochs = [] if extent.epochs is None else ["--set", f"hyperparameters.training_process.epochs={extent.epochs}"]
    return [*order, *epochs]


async def _truscore(
    known: Mapping[str, str], arguments: Sequence[str], echo: Callable[[str], None], *, scratch: Path, timeout_s: float
) -> str:
    """What the command line printed, asked as any person would ask it."""
    echo(f"truscore {shlex.join(arguments)}")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.cli", *arguments),
        env=dict(os.environ) | dict(known) | {"TMPDIR": str(scratch)},
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), timeout_s)
    if process.returncode != 0:
        said = "\n".join(text.decode(errors="replace") for text in (output, errors) if text)
        raise DemoFailed(f"truscore {arguments[0]} ended with {process.returncode}: {said}")
    return output.decode()


def _verified(store: S3Store, exported: TappedEvent) -> list[str]:
    """One line for each artefact, after it was downloaded again and compared with what the event says."""
    lines = []
    for artefact in exported.fields["artifacts"]:
        data = store.get(artefact["uri"], limit_bytes=MOST_ARTEFACT_BYTES, sha256=artefact["sha256"])
        if len(data) != int(artefact["size_bytes"]) or hashlib.sha256(data).hexdigest() != artefact["sha256"]:
            raise DemoFailed(f"{artefact['uri']} is not what model.exported says of it")
        lines.append(f"{artefact['format']}: {artefact['uri']}, {len(data) / 1e6:.1f} MB, sha256 {artefact['sha256']}")
        lines += [f"  {text}" for text in (_parity(artefact), _speed(artefact)) if text]
    return lines


def _parity(artefact: Mapping[str, object]) -> str:
    parity = artefact.get("parity")
    if not isinstance(parity, dict):
        return ""
    if not parity.get("passed"):
        raise DemoFailed(f"{artefact['uri']} differs from its checkpoint: {parity}")
    differences = ", ".join(f"{name} {value:.2g}" for name, value in parity.get("max_abs_difference", {}).items())
    return f"equal to the checkpoint on {parity.get('images')} images (largest differences: {differences})"


def _speed(artefact: Mapping[str, object]) -> str:
    speed = artefact.get("benchmark")
    if not isinstance(speed, dict):
        return ""
    return (
        f"{speed.get('latency_ms_p50', 0):.0f} ms an image on {speed.get('device')}, "
        f"eager {speed.get('eager_latency_ms_p50', 0):.0f} ms"
    )


def box_ap50(shown: Shown) -> float:
    """The box AP50 of the validation split."""
    metrics = next(event.fields.get("metrics", {}) for event in shown.events if event.name == "TrainingCompleted")
    return float(metrics.get("box_AP50", 0.0))


def check_quality(shown: Shown) -> None:
    """`DemoFailed` where the model is not what the demonstration promises."""
    reached = box_ap50(shown)
    if reached < LEAST_AP50:
        raise DemoFailed(f"box AP50 of the validation split is {reached:.3f}, at least {LEAST_AP50} was expected")
    if not shown.centring.better_than_guess:
        raise DemoFailed("centring is known no better than by guessing:\n" + "\n".join(shown.centring.lines()))
