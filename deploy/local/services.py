"""The services of the Procfile as processes. Knows how to start them, ask their health and drain them."""

import functools
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from truscore.process.supervised import Started, start_process, wait_until
from truscore.telemetry.probe import SERVING, health_of

from deploy.local.addresses import Door
from deploy.local.servers.programs import REPOSITORY

PROCFILE = Path(__file__).with_name("Procfile")
READY_TIMEOUT_S = 90.0
# A trainer that is stopped writes a checkpoint and hands its run back; its own limit is 150 s.
DRAIN_S = 160.0


# A process that waits for the next order holds torch: 0.4 GB each beside the run itself.
WAITING = ("TRUSCORE_TRAINER_STANDBY", "TRUSCORE_EXPORTER_PREPARED_CHILD")
LEAST_TO_WAIT_BYTES = 7 * 10**9


def without_waiting(memory_bytes: int) -> dict[str, str]:
    """Settings of services on a machine with so much memory: on a small one no process waits for an order."""
    return dict.fromkeys(WAITING, "false") if memory_bytes < LEAST_TO_WAIT_BYTES else {}


def commands(procfile: Path = PROCFILE) -> dict[str, list[str]]:
    """What the Procfile starts, by name; `python` is the one that runs us."""
    listed = (line.partition(":") for line in procfile.read_text().splitlines() if line and not line.startswith("#"))
    split = {name.strip(): shlex.split(command) for name, _, command in listed}
    return {name: [sys.executable, *argv[1:]] if argv[0] == "python" else argv for name, argv in split.items()}


def studio_link(known: Mapping[str, str]) -> str:
    """A link that logs into the studio of a running stack once; empty where it makes none."""
    argv = [*commands()["studio"], "login-link"]
    made = subprocess.run(
        argv,
        cwd=REPOSITORY,
        env=dict(os.environ) | dict(known),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return made.stdout.strip() if made.returncode == 0 else ""


class Services:
    """The started services with their doors."""

    def __init__(self, logs: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self._logs = logs
        #: What the services inherit; without it, what this process has.
        self._inherited = environment
        self._running: list[tuple[Started, Door]] = []

    def start(self, service_doors: list[Door], environment: Mapping[str, str], *, cwd: Path) -> None:
        """Start these without waiting."""
        argvs = commands()
        memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        inherited = dict(os.environ if self._inherited is None else self._inherited)
        for door in service_doors:
            process = start_process(
                door.service,
                argvs[door.service],
                log_path=self._logs / f"{door.service}.log",
                env=without_waiting(memory_bytes) | inherited | dict(environment),
                cwd=cwd,
            )
            self._running.append((process, door))

    def wait(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until each says SERVING; `ProcessFailed` shows the log of the one that does not."""
        for process, door in self._running:
            ready = functools.partial(self._serves, door)
            wait_until(process, ready, timeout_s=timeout_s, what=f"SERVING at {door.address}")

    def hold(self) -> None:
        """`ProcessFailed` with the log of one that ended, if any did."""
        if (gone := self.ended()) is not None:
            raise gone.failure()

    def ended(self) -> Started | None:
        """One that is no longer running, if any."""
        return next((process for process, _ in self._running if not process.running), None)

    def _serves(self, door: Door) -> bool:
        self.hold()
        return health_of(door.address, timeout_s=2) == SERVING

    def stop(self, ended: Callable[[str], None] = lambda _name: None) -> None:
        """Drain them all at the same time; `ended` is called with the name of each that has ended."""
        if not self._running:
            return

        def end(process: Started) -> None:
            process.terminate(DRAIN_S)
            ended(process.name)

        with ThreadPoolExecutor(len(self._running)) as pool:
            list(pool.map(end, [process for process, _ in self._running]))
