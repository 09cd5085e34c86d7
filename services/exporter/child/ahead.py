"""The checkpoint's own metrics, worked out in a forked process while its first file is made.

Tracing a network keeps one core busy and the interpreter locked; what the checkpoint says of the labelled images needs
neither the file nor that lock.
"""

import multiprocessing
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from types import MappingProxyType

import torch
from truscore.process.die_with_parent import end_with_parent

from services.exporter.child.decoded import Decoded
from services.exporter.child.evaluation import Evaluation, Labelled, evaluate
from services.exporter.child.export_target import Answers, Picture

NOTHING: Mapping[str, Evaluation] = MappingProxyType({})
WAIT_S = 600.0  # of the 1200 s that an export has by default; what is not there then is worked out once more


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """Of the checkpoint, by split. It shares the network with the process that it was forked from, and ends with it."""

    labelled: Sequence[Labelled]
    _process: ForkProcess
    _answers: Connection

    @classmethod
    def begin(cls, run_eager: Callable[[Picture], Answers], labelled: Sequence[Labelled]) -> "Ahead":
        fork = multiprocessing.get_context("fork")
        ours, theirs = fork.Pipe(duplex=False)
        # Nothing is pickled on the way there: the network is this process's own.
        process = fork.Process(target=_work, args=(os.getpid(), theirs, run_eager, tuple(labelled)), daemon=True)
        process.start()
        theirs.close()
        return cls(labelled=labelled, _process=process, _answers=ours)

    def finish(self) -> Mapping[str, Evaluation]:
        """Wait for it. Images that it decoded are kept for the next model. Nothing where it died or took too long: it
        can be worked out here as well, and what kept it will be named there."""
        try:
            if not self._answers.poll(WAIT_S):
                return NOTHING
            evaluated, decoded = pickle.loads(self._answers.recv_bytes())  # noqa: S301  from our own fork
        except (EOFError, OSError):
            return NOTHING
        finally:
            self.end()
        for part, kept in zip(self.labelled, decoded, strict=True):
            part.decoded.take(kept)
        found: Mapping[str, Evaluation] = evaluated
        return found

    def end(self) -> None:
        """Without waiting for it. It has to be ended: a fork holds what was open here, such as the input of a process
        that goes when its input ends, and waits for somebody to read its answers."""
        self._process.kill()
        self._process.join()
        self._answers.close()


def _work(
    parent: int, theirs: Connection, run_eager: Callable[[Picture], Answers], labelled: Sequence[Labelled]
) -> None:
    end_with_parent(parent)
    # The pool of threads that OpenMP has is not forked: with more than one this would wait for it for ever.
    torch.set_num_threads(1)
    with torch.no_grad():
        evaluated = {part.split: evaluate(run_eager, part) for part in labelled}
    decoded: list[Decoded] = [part.decoded for part in labelled]
    theirs.send_bytes(pickle.dumps((evaluated, decoded), protocol=pickle.HIGHEST_PROTOCOL))
