"""Runs as pictures and lines on a terminal."""

from collections.abc import Sequence
from datetime import datetime
from math import isfinite

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from services.cli.output.curves import sparkline
from services.cli.output.runs import Fitness, RunView, duration_text

COLOURS = {
    "EXPORTED": "green",
    "VALIDATED": "green",
    "FAILED": "red",
    "REJECTED": "red",
    "CANCELLED": "yellow",
    "PAUSED": "yellow",
}
LEADING_METRICS = ("box_AP50", "box_AP", "mask_AP50", "mask_AP")
CURVES_SHOWN = 6
LABEL_WIDTH = 34


def line(run: RunView) -> str:
    """One line, as plain as a log's."""
    parts = [run.run_id, state_text(run)]
    if run.total_epochs:
        parts.append(f"epoch {run.epoch}/{run.total_epochs}")
    if run.epochs and (last := run.epochs[-1]).train_loss is not None:
        parts.append(f"loss {last.train_loss:.4f}")
    parts += [best_text(run)] if run.best_metrics else []
    parts += [fitness_text(run.fitness)] if run.fitness else []
    if run.eta_s and run.end is None:
        parts.append(to_go_text(run))
    if run.end is not None and run.message:
        parts.append(escape(run.message))
    parts += [f"{artifact.format} {artifact.uri}" for artifact in run.artifacts]
    return "  ".join(parts)


def to_go_text(run: RunView) -> str:
    """What is left, and between what it is in four of five cases."""
    text = f"{duration_text(run.eta_s)} to go"
    if run.eta_high_s:
        text += f" ({duration_text(run.eta_low_s)} to {duration_text(run.eta_high_s)})"
    return text


def state_text(run: RunView) -> str:
    word = run.state.lower() if run.known else "unknown yet"
    colour = COLOURS.get(run.state)
    return f"[{colour}]{word}[/{colour}]" if colour else word


def leading(run: RunView) -> list[str]:
    """Names of the best epoch's metrics: the one it was chosen by first, then those that tell most."""
    first = [name for name in (run.primary_metric, *LEADING_METRICS) if name in run.best_metrics]
    return list(dict.fromkeys([*first, *sorted(run.best_metrics)]))


def best_text(run: RunView, *, digits: int = 4) -> str:
    """The best epoch and what it was chosen by: other metrics may be higher in other epochs."""
    if run.primary_metric and run.primary_metric not in run.best_metrics:
        # Where no image has anything to measure the metric by, the validation loss chooses.
        return f"best val_loss in epoch {run.best_epoch}"
    name = leading(run)[0]
    return f"best {name} {run.best_metrics[name]:.{digits}f} in epoch {run.best_epoch}"


def fitness_text(fitness: Fitness) -> str:
    return "fit for use" if fitness.fit_for_use else "[red]not fit for use[/red]"


def picture(run: RunView, *, width: int) -> RenderableType:
    """The run as a panel: where it stands, how far it is, its curves, its machine, its end."""
    parts: list[RenderableType] = [_facts(run)]
    if run.total_steps and run.end is None:
        parts.append(_bar(run))
    parts += [_curves(run, width), *_end(run)]
    parts += [Text(f"alert: {alert}", style="yellow") for alert in run.alerts]
    return Panel(Group(*parts), title=f"{escape(run.run_id)} · {state_text(run)}", title_align="left")


def _facts(run: RunView) -> Table:
    table = Table.grid(padding=(0, 2))
    model = "/".join(part for part in (run.category, run.option, run.architecture) if part)
    table.add_row("dataset", escape(f"{run.dataset_id}/{run.dataset_version}"), "model", escape(model))
    if run.total_epochs:
        pace = f"{run.images_per_second:.1f} images/s" if run.images_per_second else ""
        to_go = to_go_text(run) if run.eta_s and run.end is None else ""
        table.add_row("epoch", f"{run.epoch} of {run.total_epochs}", "pace", "  ".join(filter(None, (pace, to_go))))
    if run.host:
        load = f"{run.device} on {run.host}"
        table.add_row("attempt", str(run.attempt), "machine", escape(load + _load(run)))
    return table


def _load(run: RunView) -> str:
    parts = [f"cpu {run.cpu_percent:.0f} %"] if run.cpu_percent is not None else []
    parts += [f"gpu {run.gpu_percent:.0f} %"] if run.gpu_percent is not None else []
    parts += [f"{run.memory_used_bytes / 1e9:.1f} GB"] if run.memory_used_bytes else []
    return "".join(f", {part}" for part in parts)


def _bar(run: RunView) -> RenderableType:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=1)
    table.add_row(ProgressBar(total=run.total_steps, completed=run.step), f"step {run.step} of {run.total_steps}")
    return table


def _curves(run: RunView, width: int) -> Table:
    table = Table.grid(padding=(0, 2))
    room = max(8, width - LABEL_WIDTH)
    nan = float("nan")
    curves: list[tuple[str, Sequence[float]]] = [
        ("loss, steps", run.losses),
        ("loss, validation", [nan if epoch.val_loss is None else epoch.val_loss for epoch in run.epochs]),
        ("learning rate", [epoch.learning_rate for epoch in run.epochs]),
    ]
    for name in leading(run)[:CURVES_SHOWN]:
        curves.append((name, [epoch.metrics.get(name, nan) for epoch in run.epochs]))
    for name, values in curves:
        known = [value for value in values if isfinite(value)]
        if len(known) > 1:
            table.add_row(name, Text(sparkline(values, width=room), style="cyan"), f"{known[-1]:.4g}")
    return table


def _end(run: RunView) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if run.best_metrics:
        others = "".join(f"  {name} {run.best_metrics[name]:.4f}" for name in leading(run)[1:4])
        parts.append(Text(f"{best_text(run)}, with{others}" if others else best_text(run), style="bold"))
    if run.fitness:
        colour = "green" if run.fitness.fit_for_use else "red"
        words = "fit for use" if run.fitness.fit_for_use else "not fit for use"
        parts += [Text(f"{words}: {run.fitness.reason}", style=colour), _beside_trivial(run, run.fitness)]
    if run.message:
        parts.append(Text(run.message, style=COLOURS.get(run.state, "")))
    parts += [Text(f"{found.severity}: {found.rule}: {found.message} {found.location}") for found in run.findings]
    for artifact in run.artifacts:
        parity = "equal to the checkpoint" if artifact.parity_passed else "differs from the checkpoint"
        parts.append(
            Text(
                f"{artifact.format}: {artifact.uri}\n  {artifact.size_bytes / 1e6:.1f} MB, {parity}, "
                f"{artifact.latency_ms_p50:.0f} ms an image (eager {artifact.eager_latency_ms_p50:.0f} ms), "
                f"sha256 {artifact.sha256}"
            )
        )
    return parts


def _beside_trivial(run: RunView, fitness: Fitness) -> Table:
    """What the model is for, and its other leading metrics, beside the trivial predictors."""
    names = list(dict.fromkeys([*fitness.purpose_metrics, *leading(run)[:4]]))
    table = Table(box=None, header_style="bold")
    for heading in ("metric", "model", "95 % interval", *(name.replace("_", " ") for name in fitness.trivial_metrics)):
        table.add_column(heading)
    for name in names:
        if name in run.best_metrics:
            lower, upper = fitness.intervals.get(name, (None, None))
            table.add_row(
                name,
                f"{run.best_metrics[name]:.4g}",
                "not measured" if lower is None else f"{lower:.4g} to {upper:.4g}",
                *(f"{each[name]:.4g}" if name in each else "" for each in fitness.trivial_metrics.values()),
            )
    return table


def table_of(runs: Sequence[RunView]) -> Table:
    """Runs as rows, newest first."""
    table = Table(box=None, header_style="bold")
    for name in ("run", "state", "dataset", "model", "epoch", "best", "last event"):
        table.add_column(name, overflow="fold")
    for run in runs:
        table.add_row(
            escape(run.run_id),
            state_text(run),
            escape(f"{run.dataset_id}/{run.dataset_version}"),
            escape(f"{run.option}/{run.architecture}".strip("/")),
            f"{run.epoch}/{run.total_epochs}" if run.total_epochs else "",
            best_text(run, digits=3).removeprefix("best ") if run.best_metrics else "",
            moment_text(run.updated_at),
        )
    return table


def moment_text(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""
