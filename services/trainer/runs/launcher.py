"""How training processes are started: one directly, several under torchrun, each of them dying with its parent."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

WORKER = "services.trainer.worker.main"
STANDBY = "services.trainer.worker.standby"
# Seconds. A host whose torchrun misses three beats is left out of the next round; the round begins so long after the
# least number of hosts is there, for others that are on their way.
LAST_CALL_S, JOIN_S, BEAT_S, BEATS = 3, 600, 3, 3
RESTARTS = 10  # of the group on this host, for lost hosts; what keeps failing is the service's to give up


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendezvous:
    """Where the hosts of a run meet. ``nodes`` is "2", or "least:most" where hosts may come and go."""

    endpoint: str  # "host:port" of the one that ``is_host``
    nodes: str
    run: str  # unlike that of any other run, or attempt, at the same endpoint
    is_host: bool = False
    own_address: str = ""  # that the others reach this host by; empty for what its name resolves to
    join_s: int = JOIN_S  # that hosts are waited for until there are enough of them

    def options(self) -> list[str]:
        """For torch.distributed.run."""
        conf = {
            "is_host": str(self.is_host).lower(), "last_call_timeout": LAST_CALL_S, "join_timeout": self.join_s,
            "keep_alive_interval": BEAT_S, "keep_alive_max_attempt": BEATS,
        }  # fmt: skip
        return [
            "--nnodes", self.nodes, "--rdzv-backend", "c10d", "--rdzv-endpoint", self.endpoint, "--rdzv-id", self.run,
            "--rdzv-conf", ",".join(f"{key}={value}" for key, value in conf.items()),
            "--max-restarts", str(RESTARTS), "--monitor-interval", "0.5",
            *(["--local-addr", self.own_address] if self.own_address else []),
        ]  # fmt: skip


def worker_command(run_dir: Path, *, processes: int, rendezvous: Rendezvous | None = None) -> list[str]:
    """The command that trains in a folder, with so many processes on this host."""
    worker = [sys.executable, "-m", WORKER, "--run-dir", str(run_dir)]
    # One process has nobody to meet: torchrun would import torch a second time and hold a rendezvous, 3.6 s of a start.
    if processes == 1 and rendezvous is None:
        return worker
    # Torchrun's workers are sessions of their own, so each watches its parent.
    dying = [sys.executable, "-m", "truscore.process.die_with_parent", "0"]
    meeting = rendezvous.options() if rendezvous else ["--standalone"]
    elastic = ["-m", "torch.distributed.run", *meeting, "--nproc-per-node", str(processes), "--no-python"]
    # Otherwise each attempt leaves a folder in the machine's temporary one.
    elastic += ["--log-dir", str(run_dir / "torchrun")]
    return [sys.executable, *elastic, *dying, *worker]


def standby_command(link: int) -> list[str]:
    """The command of a process that waits for the folder it is to train in; ``link`` is its end of a socket."""
    return [sys.executable, "-m", STANDBY, str(link)]
