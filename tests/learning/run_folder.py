"""Runs of the training process in folders of their own, as the trainer lays them out."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from truscore.datasets import Annotation, ImageRecord, index_to_json, read_dataset, split_dataset, split_to_json
from truscore.metrics.detection import ImageDetections, Instance, coco_metrics, run_lengths
from truscore.recipes import recipe_to_json, resolve

from services.trainer.journal import Completed, EpochDone, Progressed, Record, records_of
from services.trainer.worker.devices import deterministic
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.main import main, perform
from services.trainer.worker.run_dir import RunDir, TrainingJob
from services.trainer.worker.stop_signal import StopSignal

TIMEOUT_S = 170.0
# Borders without the second stage, whose strips take longer than all the rest: it has a run of its own.
PLAIN_HEAD = {"custom_modifications": {"head_customization": "standard"}}
TINY = {
    "seed": 7,
    "image_size": 64,
    "architecture_config": {"base_architecture": "mask_rcnn_mobilenet_v3_small_fpn", **PLAIN_HEAD},
    "hyperparameters": {"optimization": {"batch_size": 3}, "training_process": {"epochs": 2}},
    "loss_config": {"regularization": {"dropout": 0.1}},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFolder:
    """A run's folder, its processes, and what its journal says."""

    path: Path

    def start(self, *, processes: int = 1, child: str = "services.trainer.worker.main") -> "subprocess.Popen[bytes]":
        module = ["-m", child, "--run-dir", str(self.path)]
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        torchrun += ["--log-dir", str(self.path / "torchrun")]
        command = [sys.executable, *module] if processes == 1 else [sys.executable, *torchrun, *module]
        output = (self.path / "printed.log").open("ab")
        with output:
            return subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
                start_new_session=True,
            )

    def finish(self) -> int:
        """Run it to its end in this process, which saves the imports; the exit status it would have."""
        return main(["--run-dir", str(self.path)])

    def finish_stopped(self, stop: str, *, look: int) -> None:
        """The same, but the stop request is in the control file when the process looks for that time, from 1."""
        stop_requested = StopAt(self, stop, look)
        with deterministic():
            perform(RunDir(path=self.path), group=WorkerGroup(), stop_signal=stop_requested)

    def request_stop(self, stop: str) -> None:
        partial = self.path / ".control.part"
        partial.write_text(stop)
        partial.rename(self.path / "control")

    @property
    def records(self) -> list[Record]:
        return list(records_of(self.path / "journal.jsonl"))

    @property
    def epochs(self) -> list[EpochDone]:
        return [record for record in self.records if isinstance(record, EpochDone)]

    @property
    def completed(self) -> Completed:
        last = self.records[-1] if self.records else None
        assert isinstance(last, Completed), f"the journal ends in {last}"
        return last

    @property
    def weights_sha256(self) -> str:
        return self.completed.weights_sha256


class StopAt(StopSignal):
    """Writes the stop request itself, just before one of its looks: no race between two processes."""

    def __init__(self, run: RunFolder, stop: str, look: int) -> None:
        super().__init__(run.path / "control")
        self._run, self._stop, self._looks_left = run, stop, look

    def __call__(self) -> str:
        self._looks_left -= 1
        if self._looks_left == 0:
            self._run.request_stop(self._stop)
        return super().__call__()


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for key, value in over.items():
        both[key] = merged(both.get(key, {}), value) if isinstance(value, Mapping) else value
    return both


def lay_out(
    folder: Path,
    dataset: Path,
    *,
    category: str = "border_detection",
    option: str = "dual_class",
    architecture: str = "",
    overrides: Mapping[str, Any],
) -> RunFolder:
    """A run folder on a dataset, as the trainer lays it out; an empty architecture is the option's default."""
    index = read_dataset(dataset).index
    assert index is not None
    recipe = resolve(category, option, architecture, overrides)
    job = {
        "run_id": "run-0123456789abcdef0123",
        "attempt": 1,
        "recipe": json.loads(recipe_to_json(recipe)),
        "class_names": list(index.class_names),
        "index": "index.json",
        "split": "split.json",
        "images": str(dataset),
        "pretrained": "",
        "git_commit": "",
    }
    folder.mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / "index.json").write_text(index_to_json(index))
    (folder / "split.json").write_text(split_to_json(split_dataset(index, seed=recipe.seed)))
    (folder / "order.json").write_text(json.dumps(job))
    return RunFolder(path=folder)


def guessed_metrics(job: TrainingJob) -> dict[str, float]:
    """What a network is worth that has only seen where cards lie: each class once, at its average place."""
    return coco_metrics([_guessed(job, record, n) for n, record in enumerate(job.validation)], job.class_names)


def _guessed(job: TrainingJob, record: ImageRecord, number: int) -> ImageDetections:
    boxes = {
        label: np.mean([_shares(a, r) for r in job.training for a in r.annotations if a.label == label], axis=0)
        for label in range(1, len(job.class_names) + 1)
    }
    size_4 = np.array([record.width, record.height] * 2)
    nothing = run_lengths(np.zeros((record.height, record.width), dtype=np.bool_))
    target = [Instance(label=a.label, box_xywh=a.box_xywh, mask=nothing) for a in record.annotations]
    predicted = [Instance(label=label, box_xywh=tuple(box * size_4), mask=nothing) for label, box in boxes.items()]
    return ImageDetections(
        image=number, height=record.height, width=record.width, target=tuple(target), prediction=tuple(predicted)
    )


def _shares(annotation: Annotation, record: ImageRecord) -> NDArray[np.float64]:
    return np.array(annotation.box_xywh) / np.array([record.width, record.height] * 2)


def wait_for(run: RunFolder, wanted: Callable[[Record], bool]) -> None:
    """Until the journal has such a record."""
    deadline = time.monotonic() + TIMEOUT_S
    while not any(wanted(record) for record in run.records):
        assert time.monotonic() < deadline, run.records
        time.sleep(0.01)


def second_epoch_began(record: Record) -> bool:
    return isinstance(record, Progressed) and record.epoch == 2
