"""Training on a GPU beside a plain loop from torchvision's reference recipe: images a second, and what was learnt.

``python -m tests.bench.gpu [--device cuda|cpu] [--only NAME] [--images N] [--epochs E] [--size PX]`` prints JSON. It
renders its own pictures, needs no network and, with what it takes by default, less than six minutes of one card.

Both loops train the same network, from random weights, on the same pictures in the same batches and epochs, each in a
process of its own, one after the other; rates leave out the first epoch (start, compilation, first decoding). The
reference reads like torchvision's ``references/``: DataLoader, PIL, transforms of one image at a time, SGD with
momentum, float32, no compilation. Its processes load as many images at a time as the product's do.

``--device cpu`` takes the networks and sizes of the small recipes. The product trains by as many processes of one
thread as it decides on for a thousand images in the recipe's epochs; the reference by torch's own number of threads,
with one process that loads. The reference gets the product's own network, as torchvision has none of them. ``--rounds``
has both take turns.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from truscore.recipes import cpu_processes, resolve
from truscore.zoo import build_model

from services.trainer.journal import Completed, EpochDone
from services.trainer.worker.devices import MOST_WORKERS
from services.trainer.worker.run_dir import RunDir, TrainingJob, read_job
from tests.learning.run_folder import RunFolder, lay_out

LIMIT_S = 300.0  # of one process
SAMPLE_S = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What both loops train: a row of the catalog, and sizes that one card does in a minute or less."""

    category: str
    option: str
    architecture: str
    base: str
    metric: str
    images: int
    size: int
    batch: int
    epochs: int
    learning_rate: float
    more: Mapping[str, Any] = field(default_factory=dict)  # overrides of the recipe


WORKLOADS = {
    "mask_rcnn": Workload(
        category="border_detection",
        option="dual_class",
        architecture="mask_rcnn",
        base="mask_rcnn_resnet50_fpn",
        metric="box_AP50",
        images=192,
        size=640,
        batch=8,
        epochs=5,
        learning_rate=1e-4,  # from random weights: the recipe's own is for published ones
    ),
    "resnet": Workload(
        category="corner_analysis",
        option="quality_classification",
        architecture="resnet",
        base="resnet50",
        metric="grade_MAE",
        images=2000,
        size=224,
        batch=64,
        epochs=5,
        learning_rate=1e-3,
    ),
}
# On a CPU: the small recipes, without the second stage of borders, which no reference has.
SMALL = {
    "mask_rcnn": replace(
        WORKLOADS["mask_rcnn"], base="mask_rcnn_mobilenet_v3_large_fpn", size=160, batch=2, images=48, epochs=3
    ),
    "resnet": replace(
        WORKLOADS["resnet"],
        base="resnet10_slim",
        size=96,
        batch=8,
        images=320,
        epochs=3,
        more={"loss_config": {"primary_loss": "cross_entropy"}},  # as the reference: one output for each grade
    ),
}
DECIDED_FOR_IMAGES = 1000  # processes on a CPU pay from minutes of training on, which no bench has the time for


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if options.reference:
        _train_reference(Path(options.reference), options.device)
        return 0
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.stderr.write("no CUDA device here; --device cpu tries the script itself\n")
        return 2
    workloads = WORKLOADS if options.device == "cuda" else SMALL
    names = [options.only] if options.only else list(workloads)
    with tempfile.TemporaryDirectory(prefix="gpu-bench-") as folder:
        results = {name: _compare(_sized(workloads[name], options), Path(folder) / name, options) for name in names}
    json.dump({"machine": _machine(options.device), "workloads": results}, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", choices=sorted(WORKLOADS), default="")
    for name in ("images", "epochs", "size", "batch"):
        parser.add_argument(f"--{name}", type=int, default=0, help="in place of the workload's own")
    parser.add_argument("--base", default="", help="another network of the same row")
    parser.add_argument("--rounds", type=int, default=1, help="that both train in turn")
    parser.add_argument("--reference", default="", help=argparse.SUPPRESS)  # a run's folder: be the reference's process
    return parser.parse_args(arguments)


def _sized(workload: Workload, options: argparse.Namespace) -> Workload:
    given = {name: value for name in ("images", "epochs", "size", "batch", "base") if (value := getattr(options, name))}
    return replace(workload, **given)


def _compare(workload: Workload, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    pictures = _rendered(workload, folder / "pictures")
    rendering_s = time.monotonic() - began
    ratios = []
    for number in range(options.rounds):
        run = _lay_out(workload, pictures, folder / f"run-{number}")
        processes = _share_among_cores(run) if options.device == "cpu" else 1
        product = _product(run, workload, processes=processes)
        reference = _reference(run, options.device)
        ratios.append(round(product["images_per_second"] / reference["images_per_second"], 2))
    return {
        "base": workload.base,
        "image_size": workload.size,
        "batch": workload.batch,
        "epochs": workload.epochs,
        "images": workload.images,
        "rendering_s": round(rendering_s, 1),
        "product": product,
        "reference": reference,
        "product_over_reference": statistics.median(ratios),
        "product_over_reference_by_round": ratios,
    }


def _share_among_cores(run: RunFolder) -> int:
    """Have the order say by how many processes it is trained, as the trainer does, and where decoded pixels go."""
    import os

    job = read_job(RunDir(path=run.path))
    cores = len(os.sched_getaffinity(0))
    row = (job.recipe.category, job.recipe.option, job.recipe.architecture)
    epochs = resolve(*row, {}).hyperparameters.training_process.epochs
    # As of a run of the recipe's own length, not of this one.
    images = DECIDED_FOR_IMAGES * epochs // job.recipe.hyperparameters.training_process.epochs
    count = cpu_processes(job.recipe, images=images, cores=cores).count
    order = json.loads((run.path / "order.json").read_text())
    packs = {"folder": str(run.path / "packs"), "limit_bytes": 1 << 30, "min_free_bytes": 0}
    (run.path / "order.json").write_text(json.dumps(order | {"cpu_processes": count, "packs": packs}))
    return count


def _rendered(workload: Workload, folder: Path) -> Path:
    from truscore.synthesis import render_dataset

    from tests.rendering.labelled import render_graded

    if workload.architecture == "mask_rcnn":
        return render_dataset(folder, count=workload.images, seed=11, image_size=(800, 1100))
    return render_graded(folder, count=workload.images, seed=11, side=max(256, workload.size))


def _lay_out(workload: Workload, pictures: Path, folder: Path) -> RunFolder:
    return lay_out(
        folder,
        pictures,
        category=workload.category,
        option=workload.option,
        architecture=workload.architecture,
        overrides={
            "image_size": workload.size,
            "architecture_config": {
                "base_architecture": workload.base,
                "pretrained_weights": "none",
                # The strips of borders are no part of the reference.
                "custom_modifications": {"head_customization": "standard"},
            },
            "hyperparameters": {
                "optimization": {"batch_size": workload.batch, "learning_rate": workload.learning_rate},
                "training_process": {"epochs": workload.epochs, "early_stopping": {"patience": 1000}},
                "advanced_settings": {"gradient_accumulation_steps": 1, "mixed_precision": True},
            },
            **workload.more,
        },
    )


def _product(run: RunFolder, workload: Workload, *, processes: int) -> dict[str, Any]:
    began = time.monotonic()
    with _sampling_card() as card:
        status = run.start(processes=processes).wait(LIMIT_S)
    if status:
        raise RuntimeError(
            f"the training process ended with {status}: {(run.path / 'printed.log').read_text()[-3000:]}"
        )
    epochs = [record for record in run.records if isinstance(record, EpochDone)]
    done = next(record for record in run.records if isinstance(record, Completed))
    training_s = sum(one.duration_s - one.validating_s for one in epochs[1:])
    loading_s = sum(one.loading_s for one in epochs[1:])
    return {
        "processes": processes,
        "images_per_second": _rate([one.images_per_second for one in epochs]),
        "images_per_second_by_epoch": [round(one.images_per_second, 1) for one in epochs],
        "stall_share": round(loading_s / training_s, 4) if training_s else None,
        "validating_s": round(sum(one.validating_s for one in epochs), 1),
        "process_s": round(time.monotonic() - began, 1),
        "train_loss": [round(one.train_loss, 4) for one in epochs],
        "metrics": {name: round(value, 4) for name, value in done.metrics.items()},
        "metric": workload.metric,
        "card": card(),
    }


def _reference(run: RunFolder, device: str) -> dict[str, Any]:
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.bench.gpu", "--reference", str(run.path), "--device", device]
    with _sampling_card() as card:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if ended.returncode:
        raise RuntimeError(f"the reference ended with {ended.returncode}: {ended.stderr[-3000:]}")
    printed = json.loads(ended.stdout.splitlines()[-1])
    rates = [one["images_per_second"] for one in printed["epochs"]]
    return {
        "images_per_second": _rate(rates),
        "images_per_second_by_epoch": [round(rate, 1) for rate in rates],
        "process_s": round(time.monotonic() - began, 1),
        "train_loss": [round(one["train_loss"], 4) for one in printed["epochs"]],
        "metrics": printed["metrics"],
        "card": card(),
    }


def _rate(rates: Sequence[float]) -> float:
    """The median, the first epoch left out."""
    return round(statistics.median(rates[1:] or rates), 2)


@contextmanager
def _sampling_card() -> Iterator[Callable[[], dict[str, Any]]]:
    """What NVML says of the first card meanwhile; where it can't be asked, the reason."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception as error:  # noqa: BLE001  no library, no driver, no card: each says so in its own way
        reason = f"{type(error).__name__}: {error}"
        yield lambda: {"not_measured": reason}
        return
    busy: list[int] = []
    power_w: list[float] = []
    peak_bytes = [0]
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_S):
            busy.append(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            power_w.append(pynvml.nvmlDeviceGetPowerUsage(handle) / 1000)
            peak_bytes[0] = max(peak_bytes[0], pynvml.nvmlDeviceGetMemoryInfo(handle).used)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield lambda: {
            # Of the samples in which it did anything: the processes' start and end are not the card's.
            "utilization_percent_while_busy": statistics.fmean([one for one in busy if one] or [0]),
            "busy_share_of_samples": sum(one > 0 for one in busy) / max(len(busy), 1),
            "power_w_mean": statistics.fmean(power_w or [0.0]),
            "memory_peak_bytes": peak_bytes[0],
        }
    finally:
        ended.set()
        sampler.join(5)
        pynvml.nvmlShutdown()


def _machine(device: str) -> dict[str, Any]:
    import os

    return {
        "device": torch.cuda.get_device_name(0) if device == "cuda" else f"cpu ({platform.machine()})",
        "cores": len(os.sched_getaffinity(0)),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
        "load_of_the_last_minute": round(os.getloadavg()[0], 1),
    }


class Pictures(Dataset[tuple[Tensor, Any]]):
    """A split as the reference recipes read it: PIL, then a tensor, one image at a time, on each access."""

    def __init__(self, job: TrainingJob, *, training: bool) -> None:
        self.records = job.training if training else job.validation
        self.folder, self.size, self.training = Path(job.images), job.recipe.image_size, training
        self.of_instances = bool(self.records[0].annotations)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        from PIL import Image
        from torchvision.transforms import functional

        record = self.records[index]
        with Image.open(self.folder / record.path) as opened:
            picture = opened.convert("RGB")
        if not self.of_instances:
            # references/classification: resize, flip, tensor, normalise.
            picture = picture.resize((self.size, self.size), Image.Resampling.BILINEAR)
            image = functional.to_tensor(picture)
            image = functional.normalize(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
            if self.training and torch.rand(1).item() < 0.5:
                image = image.flip(-1)
            assert record.labels is not None
            return image, record.labels[0] - 1
        return functional.to_tensor(picture), self._target(record)

    def _target(self, record: Any) -> dict[str, Tensor]:
        from truscore.datasets import annotation_mask

        boxes = [(x, y, x + w, y + h) for x, y, w, h in (one.box_xywh for one in record.annotations)]
        masks = [torch.from_numpy(annotation_mask(one, record.height, record.width)) for one in record.annotations]
        return {
            "boxes": torch.tensor(boxes, dtype=torch.float32),
            "labels": torch.tensor([one.label for one in record.annotations]),
            "masks": torch.stack(masks).to(torch.uint8),
        }


def _train_reference(run_path: Path, device_name: str) -> None:
    """The reference's process: a line of JSON at the end."""
    import os

    job = read_job(RunDir(path=run_path))
    device = torch.device(device_name)
    torch.manual_seed(0)
    settings = job.recipe.hyperparameters
    training, validation = Pictures(job, training=True), Pictures(job, training=False)
    if device.type == "cpu":
        network: nn.Module = build_model(job.recipe, len(job.class_names))
    else:
        network = _reference_network(job, of_instances=training.of_instances).to(device)
    rate = 0.02 * settings.optimization.batch_size / 16 if training.of_instances else 0.05
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    workers = min(MOST_WORKERS, max(1, len(os.sched_getaffinity(0)) - 1))
    loader: DataLoader[Any] = DataLoader(
        training,
        batch_size=settings.optimization.batch_size,
        shuffle=True,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        persistent_workers=workers > 0,
        collate_fn=_collate_instances if training.of_instances else None,
        drop_last=not training.of_instances,
    )
    epochs = []
    for _ in range(settings.training_process.epochs):
        began, images, losses = time.monotonic(), 0, []
        network.train()
        for batch in loader:
            loss = _loss(network, batch, device, of_instances=training.of_instances)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            if training.of_instances:
                nn.utils.clip_grad_norm_(network.parameters(), 10.0)  # from random weights it leaves for infinity
            optimizer.step()
            losses.append(loss.item())
            images += len(batch[0])
        elapsed_s = time.monotonic() - began
        epochs.append({"images_per_second": images / elapsed_s, "train_loss": statistics.fmean(losses)})
    metrics = _evaluated(network, validation, job, device)
    sys.stdout.write(json.dumps({"epochs": epochs, "metrics": metrics}) + "\n")


def _reference_network(job: TrainingJob, *, of_instances: bool) -> nn.Module:
    from torchvision.models import resnet, shufflenetv2
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    classes = len(job.class_names)
    if of_instances:
        size = job.recipe.image_size
        network: nn.Module = maskrcnn_resnet50_fpn(
            weights=None, weights_backbone=None, num_classes=classes + 1, min_size=size, max_size=size
        )
        return network
    builders = {"resnet50": resnet.resnet50, "resnet18": resnet.resnet18, "shufflenet": shufflenetv2.shufflenet_v2_x1_0}
    base = job.recipe.architecture_config.base_architecture
    if base not in builders:
        raise SystemExit(f"--base {base!r} has no reference; accepted: {', '.join(builders)}")
    built: nn.Module = builders[base](weights=None, num_classes=classes)
    return built


def _collate_instances(samples: Sequence[tuple[Tensor, dict[str, Tensor]]]) -> tuple[list[Tensor], list[Any]]:
    return [image for image, _ in samples], [target for _, target in samples]


def _loss(network: nn.Module, batch: Any, device: torch.device, *, of_instances: bool) -> Tensor:
    if of_instances:
        images = [image.to(device, non_blocking=True) for image in batch[0]]
        targets = [{name: value.to(device, non_blocking=True) for name, value in one.items()} for one in batch[1]]
        losses: dict[str, Tensor] = network(images, targets)
        return torch.stack(list(losses.values())).sum()
    images_BCHW, labels_B = batch[0].to(device, non_blocking=True), batch[1].to(device, non_blocking=True)
    loss: Tensor = nn.functional.cross_entropy(network(images_BCHW), labels_B)
    return loss


@torch.no_grad()
def _evaluated(network: nn.Module, validation: Pictures, job: TrainingJob, device: torch.device) -> dict[str, float]:
    """What the product's own report has, of the same images: box_AP50, or the mean error in grades."""
    from truscore.metrics.detection import ImageDetections, Instance, coco_metrics

    network.eval()
    if not validation.of_instances:
        grades = [float(name) for name in job.class_names]
        errors = [
            abs(grades[int(network(image[None].to(device)).argmax())] - grades[at]) for image, at in _all(validation)
        ]
        return {"grade_MAE": round(statistics.fmean(errors), 4)}
    results = []
    for number, (image, target) in enumerate(_all(validation)):
        (found,) = network([image.to(device)])
        scores = found["scores"].cpu().tolist()
        results.append(
            ImageDetections(
                image=number,
                height=image.shape[-2],
                width=image.shape[-1],
                target=tuple(Instance(label=int(n), box_xywh=_xywh(box)) for box, n in _rows(target)),
                prediction=tuple(
                    Instance(label=int(n), box_xywh=_xywh(box), score=score)
                    for (box, n), score in zip(_rows(found), scores, strict=True)
                ),
            )
        )
    metrics = coco_metrics(results, job.class_names)
    return {"box_AP50": round(metrics.get("box_AP50", 0.0), 4), "box_AP": round(metrics.get("box_AP", 0.0), 4)}


def _all(pictures: Pictures) -> Iterator[tuple[Tensor, Any]]:
    for index in range(len(pictures)):
        yield pictures[index]


def _rows(found: dict[str, Tensor]) -> list[tuple[list[float], int]]:
    return list(zip(found["boxes"].cpu().tolist(), found["labels"].cpu().tolist(), strict=True))


def _xywh(box: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    return x1, y1, x2 - x1, y2 - y1


if __name__ == "__main__":
    sys.exit(main())
