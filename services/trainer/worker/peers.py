"""Notices a process of the group whose host is gone.

A host that is cut off closes no connection: the others would wait in an exchange of gradients for the half hour that a
slow disk of the leading process is granted. So each process writes a beat to the group's store and looks at those of
the others; where one misses beats for too long, it ends, and its torchrun begins anew with the hosts that are left.
"""

import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol

import torch.distributed as dist
from torch._C._distributed_c10d import TCPStore

BEAT_S = 1.0
SILENT_S = 10.0  # that a process may take for a beat: torch and Python let this thread in between any two operations
LOST_PEER_STATUS = 75  # as EX_TEMPFAIL: trying again may help
DONE = b"done"


class Beats(Protocol):
    """The part of torch's key-value store that is used."""

    def set(self, key: str, value: str) -> None: ...

    def multi_get(self, keys: list[str]) -> list[bytes]: ...


class PeerWatch:
    """The beats of a group as one of its processes sees them; ``clock`` gives seconds."""

    def __init__(self, beats: Beats, *, rank: int, world_size: int, group: str, clock: Callable[[], float]) -> None:
        self._beats, self._clock = beats, clock
        self._own = f"{group}/{rank}"
        self._others = [f"{group}/{other}" for other in range(world_size) if other != rank]
        self._seen: dict[str, tuple[bytes, float]] = {}
        self._count = 0

    def beat(self) -> None:
        self._count += 1
        self._beats.set(self._own, str(self._count))

    def silent(self) -> Sequence[str]:
        """Beat once; those that have not for too long. Raises what the store raises."""
        self.beat()
        now = self._clock()
        for name, value in zip(self._others, self._beats.multi_get(self._others), strict=True):
            if name not in self._seen or self._seen[name][0] != value:
                self._seen[name] = value, now
        return [name for name, (value, since) in self._seen.items() if value != DONE and now - since > SILENT_S]

    def leave(self) -> None:
        """Nothing is expected of this process any more."""
        self._beats.set(self._own, DONE.decode())


@contextmanager
def watching_peers(*, rank: int, world_size: int) -> Iterator[None]:
    """While inside, end this process once another of the group is gone."""
    names: list[Any] = [uuid.uuid4().hex]
    # A name of its own for each round: beats of an earlier one are still in the store.
    dist.broadcast_object_list(names, src=0)
    watch = PeerWatch(_group_store(), rank=rank, world_size=world_size, group=names[0], clock=time.monotonic)
    stopped = threading.Event()
    watch.beat()
    dist.barrier()  # each has beaten once: a key that is not there yet would be waited for
    thread = threading.Thread(target=_watch, args=(watch, stopped), daemon=True)
    thread.start()
    try:
        yield
    except RuntimeError:
        # An exchange with a peer that is gone fails like anything else, at once where its connection was reset. Its
        # missing beats tell the two apart, and the thread ends this process then: no failure of the run's.
        stopped.wait(SILENT_S + 2 * BEAT_S)
        raise
    finally:
        stopped.set()
        thread.join(SILENT_S)
        watch.leave()


def _group_store() -> TCPStore:
    """A connection of its own: one that the main thread waits on would hold up the beats."""
    # Not imported by a process that trains alone: it would begin later.
    from services.trainer.worker.settings import GroupAddress

    address = GroupAddress()
    return TCPStore(
        address.master_addr, address.master_port, is_master=False, wait_for_workers=False,
        timeout=timedelta(seconds=SILENT_S),
    )  # fmt: skip


def _watch(watch: PeerWatch, stopped: threading.Event) -> None:
    while not stopped.wait(BEAT_S):
        try:
            silent = watch.silent()
        except Exception as error:  # noqa: BLE001  the host of the rendezvous is gone, or this one is cut off
            _end(f"the group's store does not answer: {error}")
        if silent:
            _end(f"no sign of life for {SILENT_S:g} s of {', '.join(name.rsplit('/', 1)[-1] for name in silent)}")


def _end(reason: str) -> None:
    sys.stderr.write(f"this process ends, for its group is incomplete: {reason}\n")
    sys.stderr.flush()
    # The main thread is in an exchange that nothing interrupts.
    os._exit(LOST_PEER_STATUS)
