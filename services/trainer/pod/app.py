"""Wiring of the process in a pod: ``python -m services.trainer.pod --run-id ID --attempt NUMBER``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from truscore.process.git_commit import current_commit
from truscore.recipes import processes_for
from truscore.telemetry import HardwareSampler, configure_logging

from services.trainer.app import create_store, create_workspace, home_of
from services.trainer.inputs.cpu_processes import cpu_processes_of
from services.trainer.plan import Plan
from services.trainer.pod.exit_codes import DRAINED
from services.trainer.pod.training import PodDeps, train
from services.trainer.runs.launcher import worker_command
from services.trainer.settings import PodSettings, training_environment

SERVICE = "training-run"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="services.trainer.pod", description=__doc__)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--attempt", type=int, required=True)
    options = parser.parse_args(arguments)
    # A process that is the first of its container ignores SIGTERM unless it says what is to be done.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(DRAINED))
    sys.exit(asyncio.run(run(PodSettings(), run_id=options.run_id, number=options.attempt)))


async def run(settings: PodSettings, *, run_id: str, number: int) -> int:
    """Train the attempt; the pod's exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    store, loop = create_store(settings), asyncio.get_running_loop()
    git_commit = settings.trainer_git_commit or current_commit(Path(__file__).parent)
    gpus = len(HardwareSampler(SERVICE, settings.trainer_workdir.absolute()).sample().gpus)

    def command(plan: Plan, folder: Path) -> list[str]:
        return worker_command(folder, processes=processes_for(plan.recipe, gpus) if gpus else cpu_processes_of(folder))

    def on_terminate(drain: Callable[[], None]) -> None:
        loop.add_signal_handler(signal.SIGTERM, drain)

    deps = PodDeps(
        store=store, workspace=create_workspace(settings, store, git_commit=git_commit), command=command,
        environment=training_environment(home_of(settings)), beat_s=settings.trainer_beat_s,
        store_retry_for_s=settings.trainer_store_patience_s, on_terminate=on_terminate,
    )  # fmt: skip
    return await train(deps, run_id, number)
