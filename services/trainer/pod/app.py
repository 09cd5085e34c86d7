"""Wiring of the process in a pod: ``python -m services.trainer.pod --run-id ID --attempt NUMBER``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from truscore.process.code_version import code_version
from truscore.process.heap import return_large_blocks
from truscore.recipes import processes_for
from truscore.storage import S3Store
from truscore.telemetry import HardwareSampler, configure_logging

from services.trainer.app import create_workspace, home_of
from services.trainer.inputs.cpu_processes import cpu_processes_of
from services.trainer.plan import Plan
from services.trainer.pod.exit_codes import DRAINED
from services.trainer.pod.group import ENVIRONMENT, PodGroup
from services.trainer.pod.training import PodDeps, train
from services.trainer.runs.launcher import worker_command
from services.trainer.settings import PodSettings, training_environment

SERVICE = "training-run"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="services.trainer.pod", description=__doc__)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("--nodes", default="1", help='pods of the attempt: "2", or the least and the most as "2:4"')
    parser.add_argument("--address", default="", help="of a pod of several, with {index} in place of its number")
    options = parser.parse_args(arguments)
    # A process that is the first of its container ignores SIGTERM unless it says what is to be done.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(DRAINED))
    settings, group = PodSettings(), None
    if options.address:
        group = PodGroup(nodes=options.nodes, address=options.address, index=settings.job_completion_index)
    sys.exit(asyncio.run(run(settings, run_id=options.run_id, number=options.attempt, group=group)))


async def run(settings: PodSettings, *, run_id: str, number: int, group: PodGroup | None = None) -> int:
    """Train the attempt, or this pod's share of it; the pod's exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    return_large_blocks()
    store, loop = S3Store.of(settings), asyncio.get_running_loop()
    code = code_version(Path(__file__).parent, stated=settings.trainer_git_commit)
    gpus = len(HardwareSampler(SERVICE, settings.trainer_workdir.absolute()).sample().gpus)

    rendezvous = group.rendezvous(f"{run_id}-{number}") if group else None

    def command(plan: Plan, folder: Path) -> list[str]:
        processes = processes_for(plan.recipe, gpus) if gpus else cpu_processes_of(folder)
        return worker_command(folder, processes=processes, rendezvous=rendezvous)

    def on_terminate(drain: Callable[[], None]) -> None:
        loop.add_signal_handler(signal.SIGTERM, drain)

    environment = training_environment(home_of(settings)) | (ENVIRONMENT if group else {})
    deps = PodDeps(
        store=store, command=command, environment=environment,
        workspace=create_workspace(settings, store, code=code, elastic=group is not None),
        beat_s=settings.trainer_beat_s, store_retry_for_s=settings.trainer_store_patience_s,
        on_terminate=on_terminate, group=group,
    )  # fmt: skip
    return await train(deps, run_id, number)
