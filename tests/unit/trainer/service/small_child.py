"""A training process without a network: it keeps the contract of the run folder, and what it 'trains' is a number.

Its weights are the sum of the steps it took, so a run that was interrupted and went on has the same only if no step was
lost or taken twice. It stops at gates, files that a test opens, so that tests know where in an epoch it is.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from truscore.metrics.comparison import Comparison, Interval
from truscore.recipes.batch_size import FoundBatch

from services.trainer.journal import (
    Cancelled,
    CheckpointWritten,
    Completed,
    EpochDone,
    Failed,
    FoldEvaluated,
    FoldProgressed,
    Journal,
    Paused,
    Progressed,
    Started,
)

STEPS_PER_EPOCH = 4
GATE_DEADLINE_S = 60


class StopRequested(Exception):
    pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run-dir", type=Path)
    parser.add_argument("--gates", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--fail", default="")
    parser.add_argument("--padding", type=int, default=0, help="bytes that a checkpoint has beside what is in it")
    options = parser.parse_args()
    order = json.loads((options.run_dir / "order.json").read_text())
    missing = [name for name in ("index.json", "split.json") if not (options.run_dir / name).exists()]
    if missing or not any(Path(order["images"]).rglob("*.png")):
        sys.exit(f"incomplete run folder: {missing}")
    (options.gates / "pid").write_text(str(os.getpid()))
    with Journal(options.run_dir / "journal.jsonl") as journal:
        Training(options, order, journal).run()


class Training:
    def __init__(self, options: argparse.Namespace, order: dict, journal: Journal) -> None:
        self.folder, self.gates, self.epochs, self.fail = options.run_dir, options.gates, options.epochs, options.fail
        self.attempt, self.journal, self.padding = order["attempt"], journal, options.padding
        self.rate = order["recipe"]["hyperparameters"]["optimization"]["learning_rate"]
        self.folds = order["recipe"]["hyperparameters"]["training_process"].get("cross_validation_folds", 0)
        optimization = order["recipe"]["hyperparameters"]["optimization"]
        self.found = found_batch(order) if optimization.get("find_batch_size") else None
        checkpoint = self.folder / "checkpoints/latest.pt"
        self.state = json.loads(checkpoint.read_text()) if checkpoint.exists() else {"step": 0, "weights": 0}

    def run(self) -> None:
        state = self.state
        self.journal.append(
            Started(
                first_epoch=state["step"] // STEPS_PER_EPOCH + 1, total_epochs=self.epochs,
                steps_per_epoch=STEPS_PER_EPOCH, total_steps=self.epochs * STEPS_PER_EPOCH, resumed_step=state["step"],
                world_size=1, device="cpu", host="here", found_batch=self.found,
            )
        )  # fmt: skip
        if self.fail:
            self.fail_as_requested()
        try:
            while state["step"] < self.epochs * STEPS_PER_EPOCH:
                self.take_step()
            for fold in range(1, self.folds + 1):
                self.take_fold(fold)
        except StopRequested as requested:
            self.stop(str(requested))
        else:
            self.complete()

    def fail_as_requested(self) -> None:
        code, retryable = self.fail.split(":")
        if code == "print":
            sys.exit("the network caught fire")
        self.journal.append(Failed(code=code, message="as told", retryable=retryable == "retryable", epoch=0))
        sys.exit(1)

    def take_step(self) -> None:
        state = self.state
        self.pass_gate(f"step-{state['step'] + 1}")
        state["step"] += 1
        state["weights"] += state["step"] ** 2
        epoch = (state["step"] - 1) // STEPS_PER_EPOCH + 1
        self.journal.append(
            Progressed(
                step=state["step"], total_steps=self.epochs * STEPS_PER_EPOCH, epoch=epoch, loss=1 / state["step"],
                learning_rate=0.1, images_per_second=1.0, eta_s=1.0,
            )
        )  # fmt: skip
        if state["step"] % STEPS_PER_EPOCH == 0:
            self.journal.append(
                EpochDone(
                    epoch=epoch, total_epochs=self.epochs, train_loss=1 / epoch, val_loss=None, learning_rate=0.1,
                    metrics={"score": float(epoch)}, duration_s=1.0, images_per_second=1.0, eta_s=1.0, is_best=True,
                ),
                durable=True,
            )  # fmt: skip
            self.checkpoint(best=True)

    def take_fold(self, fold: int) -> None:
        path = self.folder / f"folds/fold-{fold:02d}.pt"
        if path.exists():
            return
        step = self.epochs * STEPS_PER_EPOCH
        self.journal.append(
            FoldProgressed(
                fold=fold, folds=self.folds, fold_step=1, fold_steps=1, step=step, total_steps=step, epoch=self.epochs,
                loss=1 / step, learning_rate=0.1, images_per_second=1.0, eta_s=float(self.folds - fold),
            )
        )  # fmt: skip
        self.pass_gate(f"fold-{fold}")
        content = f"fold {fold} by attempt {self.attempt}".encode()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        evaluated = FoldEvaluated(
            fold=fold, folds=self.folds, path=f"folds/{path.name}", sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
        )  # fmt: skip
        self.journal.append(evaluated, durable=True)

    def pass_gate(self, name: str) -> None:
        """Wait where the test put a gate; heed what is asked in any case."""
        gate, deadline = self.gates / name, time.monotonic() + GATE_DEADLINE_S
        if gate.exists():
            (self.gates / f"{name}.reached-{self.attempt}").touch()
        while True:
            control = self.folder / "control"
            if control.exists():
                raise StopRequested(control.read_text())
            if not gate.exists():
                return
            if time.monotonic() > deadline:
                sys.exit(f"nobody opened {gate}")
            time.sleep(0.01)

    def checkpoint(self, *, best: bool) -> CheckpointWritten:
        content = json.dumps(self.state).encode() + b" " * self.padding
        for name in ("latest", "best") if best else ("latest",):
            partial = self.folder / f"checkpoints/.{name}.part"
            partial.parent.mkdir(exist_ok=True)
            partial.write_bytes(content)
            partial.replace(self.folder / f"checkpoints/{name}.pt")
        written = CheckpointWritten(
            path="checkpoints/latest.pt", sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content),
            epoch=self.state["step"] // STEPS_PER_EPOCH, step=self.state["step"], best=best,
        )  # fmt: skip
        self.journal.append(written, durable=True)
        return written

    def stop(self, requested: str) -> None:
        epoch = self.state["step"] // STEPS_PER_EPOCH
        if requested == "cancel":
            self.journal.append(Cancelled(step=self.state["step"], epoch=epoch), durable=True)
            return
        written = self.checkpoint(best=False)
        self.journal.append(
            Paused(
                reason=requested, step=self.state["step"], epoch=epoch, path=written.path, sha256=written.sha256,
                size_bytes=written.size_bytes,
            ),
            durable=True,
        )  # fmt: skip

    def complete(self) -> None:
        report = self.folder / "report"
        report.mkdir(exist_ok=True)
        folds = [path.read_text() for path in sorted((self.folder / "folds").glob("*.pt"))]
        (report / "report.json").write_text(json.dumps({"folds": folds}))
        (report / "report.html").write_text("<!doctype html>")
        content = (self.folder / "checkpoints/best.pt").read_bytes()
        self.journal.append(
            Completed(
                epochs=self.epochs, best_epoch=self.epochs, metrics={"score": 1.0, "learning_rate": self.rate},
                path="checkpoints/best.pt",
                sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content),
                weights_sha256=hashlib.sha256(str(self.state["weights"]).encode()).hexdigest(), duration_s=1.0,
                report="report/report.json",
                comparison=Comparison(
                    fit_for_use=False, reason="score is 1, not better than trivial", purpose_metrics=("score",),
                    trivial_metrics={"constant": {"score": 1.0}},
                    intervals={"score": Interval(lower=0.5, upper=1.5)}, groups=4, resamples=500,
                ),
            ),
            durable=True,
        )  # fmt: skip


def found_batch(order: dict) -> FoundBatch:
    """What is on record; else a number that every attempt would find another of."""
    if order["found_batch"]:
        return FoundBatch(**order["found_batch"])
    return FoundBatch(
        batch_size=2 << order["attempt"], stated_batch_size=2, learning_rate=0.004, image_bytes=1 << 20,
        fixed_bytes=4 << 20, limit_bytes=1 << 30, bound_by="memory",
    )  # fmt: skip


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    main()
