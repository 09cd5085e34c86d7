"""What the input path gives by itself: ``python -m tests.bench.input_path``. Images per core-second, from the folder of
a run to an augmented batch, from the second epoch on, when a pack has every image.

Beside it the same images on a plain path, as torchvision's reference recipe for detection is written: a DataLoader that
decodes with PIL, draws masks with pycocotools, and transforms image by image before it resizes as the recipe's networks
do; with the preset "hflip", which flips and no more, and with "ssd", which changes light, colours and frame as our
policy does (ours turns and warps as well). All in one process of one thread, per second of processor time: times the
cores that workers or ranks keep busy it is images per second, and it can be read off a busy machine. Then the cost of
an image by the size of the set, in packs alone without a copy in memory, and what of an epoch's time a run waits for
images. Prints JSON.
"""

import argparse
import hashlib
import itertools
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from truscore.datasets import DatasetIndex, ImageRecord, read_dataset
from truscore.synthesis import render_dataset
from truscore.zoo.resize import network_size

from services.trainer.journal import EpochDone
from services.trainer.worker.data import Share, epoch_order, training_steps
from services.trainer.worker.run_dir import RunDir, TrainingJob, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task
from tests.learning.run_folder import PLAIN_HEAD, lay_out

BATCH, SIZE, ROUNDS = 8, 160, 5
OURS = "packs and memory"
TARGET = 4.0
OVERRIDES = {
    "image_size": SIZE,
    "architecture_config": PLAIN_HEAD,
    "hyperparameters": {"optimization": {"batch_size": BATCH}, "training_process": {"epochs": 3}},
}


class PlainImages(Dataset[tuple[Tensor, dict[str, Any]]]):
    """The reference recipe's ``CocoDetection`` with its preset of transforms, at the same size as ours."""

    def __init__(self, records: Sequence[ImageRecord], folder: Path, preset: str) -> None:
        self._records, self._folder = records, folder
        changes: list[Any] = [v2.RandomPhotometricDistort(), v2.RandomZoomOut(), v2.RandomIoUCrop()]
        self._transforms = v2.Compose(
            [
                *(changes if preset == "ssd" else []),
                v2.RandomHorizontalFlip(0.5),
                v2.ToDtype(torch.float32, scale=True),
                v2.SanitizeBoundingBoxes(),
            ]
        )

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Any]]:
        record = self._records[index]
        picture = Image.open(self._folder / record.path).convert("RGB")
        sides = (record.height, record.width)
        masks = [
            coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([list(p) for p in mark.polygons], *sides)))
            for mark in record.annotations
        ]
        boxes = [(x, y, x + w, y + h) for x, y, w, h in (mark.box_xywh for mark in record.annotations)]
        target = {
            "boxes": tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=sides),
            "masks": tv_tensors.Mask(np.array(masks)),
            "labels": torch.tensor([mark.label for mark in record.annotations]),
        }
        image, target = self._transforms(tv_tensors.Image(v2.functional.pil_to_tensor(picture)), target)
        size = network_size(*image.shape[-2:], image_size=SIZE)
        done: tuple[Tensor, dict[str, Any]] = v2.Resize(size, antialias=True)(image, target)
        return done


def as_lists(samples: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(zip(*samples, strict=True))


def plain_epochs(records: Sequence[ImageRecord], folder: Path, preset: str) -> Iterator[float]:
    """Core-seconds of one epoch after another."""
    loader = DataLoader(PlainImages(records, folder, preset), batch_size=BATCH, shuffle=True, collate_fn=as_lists)
    while True:
        began = time.process_time()
        for _ in loader:
            pass
        yield time.process_time() - began


def our_epochs(job: TrainingJob, cache_bytes: int) -> Iterator[float]:
    task = make_task(job, evaluated=job.validation, cache_limit_bytes=cache_bytes)
    for epoch in itertools.count(1):
        began = time.process_time()
        for step in training_steps(
            len(job.training), batch_size=BATCH, accumulate=1, seed=1, epoch=epoch, share=Share()
        ):
            for keys in step:
                task.collate([task.training[key] for key in keys])
        yield time.process_time() - began


def by_size(job: TrainingJob, counts: Sequence[int], *, looked_at: int) -> dict[str, dict[str, float]]:
    """Milliseconds of an image in sets of so many, out of a pack that has them all, and the memory of the process."""
    result = {}
    for count in counts:
        context = get_context("fork")
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_cost, args=(job, count, looked_at, writer))
        process.start()
        result[f"{count} images"] = reader.recv()
        process.join()
    return result


def _cost(job: TrainingJob, count: int, looked_at: int, writer: Any) -> None:
    torch.set_num_threads(1)
    # As many images as are asked for, of other digests each: what is in a pack does not depend on where it came from.
    records = tuple(
        replace(job.training[number % len(job.training)], sha256=hashlib.sha256(str(number).encode()).hexdigest())
        for number in range(count)
    )
    task = make_task(replace(job, training=records, validation=(), test=()), evaluated=())
    samples: Any = task.training
    pixels = samples._pixels
    first = [pixels.scaled(record, SIZE).numpy() for record in job.training]
    pack = pixels._open[f"scaled {SIZE}"]
    for number, record in enumerate(records):
        pack.write(record.sha256, first[number % len(first)])
    order = epoch_order(count, seed=1, epoch=2)[:looked_at]
    began, held = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for start in range(0, len(order), BATCH):
        task.collate([task.training[Key(epoch=2, index=index)] for index in order[start : start + BATCH]])
    cost_ms = (time.process_time() - began) / len(order) * 1e3
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    writer.send({"core_ms_per_image": round(cost_ms, 2), "resident_grew_mb": round((after - held) / 1e3, 1)})
    os._exit(0)


def stalled(scratch: Path, cards: Path) -> dict[str, float]:
    """Of the second and third epoch of a run: the share of its time that it waited for images."""
    run = lay_out(scratch / "run", cards, overrides=OVERRIDES)
    with_packs(run.path, scratch / "run-packs")
    if run.finish():
        raise RuntimeError(f"training failed: {run.records[-1]}")
    epochs = [record for record in run.records if isinstance(record, EpochDone)][1:]
    trained_s = sum(epoch.duration_s - epoch.validating_s for epoch in epochs)
    return {"stall_share": round(sum(epoch.loading_s for epoch in epochs) / trained_s, 4)}


def with_packs(run: Path, packs: Path) -> None:
    order = json.loads((run / "order.json").read_text())
    order["packs"] = {"folder": str(packs), "limit_bytes": 1 << 36, "min_free_bytes": 0}
    (run / "order.json").write_text(json.dumps(order))


def figures(core_s: Sequence[float], images: int) -> dict[str, float]:
    each = [images / seconds for seconds in core_s]
    return {"median": round(statistics.median(each), 1), "least": round(min(each), 1), "most": round(max(each), 1)}


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where the ratio is below the target."""
    parser = argparse.ArgumentParser(prog="tests.bench.input_path", description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 50_000])
    parser.add_argument("--looked-at", type=int, default=1000, help="images of each set that are timed")
    requested = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as scratch:
        folder = Path(scratch)
        cards = render_dataset(folder / "cards", count=requested.images, seed=0, image_size=(480, 640))
        index = read_dataset(cards).index
        assert isinstance(index, DatasetIndex)
        run = lay_out(folder / "laid-out", cards, overrides=OVERRIDES)
        with_packs(run.path, folder / "packs")
        job = read_job(RunDir(path=run.path))
        paths = {
            "plain DataLoader, hflip": plain_epochs(job.training, cards, "hflip"),
            "plain DataLoader, ssd": plain_epochs(job.training, cards, "ssd"),
            "packs": our_epochs(job, 0),
            "packs and memory": our_epochs(job, 1 << 30),
        }
        # In turn, so that none has the quieter machine; the first epoch decodes, and does not count.
        rounds = [{name: next(path) for name, path in paths.items()} for _ in range(ROUNDS + 1)][1:]
        per_s = {name: figures([each[name] for each in rounds], len(job.training)) for name in paths}
        result: dict[str, Any] = {
            "images per core-second": per_s,
            "ratio to hflip": round(per_s[OURS]["median"] / per_s["plain DataLoader, hflip"]["median"], 2),
            "ratio to ssd": round(per_s[OURS]["median"] / per_s["plain DataLoader, ssd"]["median"], 2),
            "cost by size, packs alone": by_size(job, requested.counts, looked_at=requested.looked_at),
            "a run": stalled(folder, cards),
            "machine": {"cores": os.cpu_count(), "load of the last minute": os.getloadavg()[0]},
        }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0 if result["ratio to hflip"] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
