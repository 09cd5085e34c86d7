"""Every key of the configuration does what it says: turning it changes what it names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from truscore.datasets import DatasetIndex, ImageRecord
from truscore.recipes import InvalidConfig, Recipe, processes_for, resolve
from truscore.recipes.accepted_values import RULES
from truscore.recipes.resolve import ROW_KEYS
from truscore.zoo import build_model
from truscore.zoo.compilation import why_not_compilable
from truscore.zoo.losses.detection import classification_loss

from services.trainer.inputs.workspace import split_for
from services.trainer.journal import EpochDone, Journal
from services.trainer.worker.build_run import build_run
from services.trainer.worker.checkpointer import Checkpointer
from services.trainer.worker.cross_validation.folds import folds_of
from services.trainer.worker.devices import Place, choose_precision
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.loop import TrainingRun, steps_left, take_step, train
from services.trainer.worker.optim import learning_rate, set_learning_rate
from services.trainer.worker.run_dir import RunDir, TrainingJob
from services.trainer.worker.tasks.instance_segmentation import InstanceSegmentation

MakeRun = Callable[..., TrainingRun]
SMALLEST = "mask_rcnn_mobilenet_v3_small_fpn"
CPU = Place(device=torch.device("cpu"), name="cpu", cpus=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What the observations are made with."""

    folder: Path
    line_run: MakeRun


@pytest.fixture
def bench(tmp_path: Path, make_line_run: MakeRun) -> Bench:
    return Bench(folder=tmp_path, line_run=make_line_run)


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def merged(*trees: Mapping[str, Any]) -> dict[str, Any]:
    both: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            both[key] = merged(both.get(key, {}), value) if isinstance(value, Mapping) else value
    return both


def recipe_of(sections: Mapping[str, Any]) -> Recipe:
    custom = {"head_customization": "standard"}  # the strips of the second stage would take most of the time
    small = {"image_size": 64, "architecture_config": {"base_architecture": SMALLEST, "custom_modifications": custom}}
    return resolve("border_detection", "dual_class", "", merged(small, sections))


def built(sections: Mapping[str, Any], bench: Bench) -> TrainingRun:
    recipe = recipe_of(sections)
    weights = bench.folder / "weights.pth"
    if not weights.exists():
        torch.save(build_model(recipe_of(WEIGHTS), 2).state_dict(), weights)
    job = TrainingJob(
        run_id="run", recipe=recipe, class_names=("outer", "inner"), images=bench.folder, pretrained=weights,
        training=(), validation=(), test=(), dataset_digest="",
    )  # fmt: skip
    return build_run(job, place=CPU, group=WorkerGroup(), stop_requested=str).run


def network(sections: Mapping[str, Any], bench: Bench) -> nn.Module:
    return built(sections, bench).network


def line(sections: Mapping[str, Any], bench: Bench) -> TrainingRun:
    return bench.line_run(**merged({"hyperparameters": {"training_process": {"epochs": 4}}}, sections))


def shapes(sections: Mapping[str, Any], bench: Bench) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network(sections, bench).state_dict().items()}


def norms_of_the_body(sections: Mapping[str, Any], bench: Bench) -> set[str]:
    return {type(module).__name__ for module in network(sections, bench).backbone.body.modules()}


def trained_count(sections: Mapping[str, Any], bench: Bench) -> int:
    return sum(weight.requires_grad for weight in network(sections, bench).parameters())


def compiled_stages(sections: Mapping[str, Any], bench: Bench) -> int:
    stages = network(sections, bench).backbone.body.children()
    return sum(hasattr(stage.forward, "_torchdynamo_orig_callable") for stage in stages)


def optimizer_settings(name: str) -> Callable[[Mapping[str, Any], Bench], Any]:
    return lambda sections, bench: [group[name] for group in line(sections, bench).optimizer.param_groups]


def shares_of_the_rate(sections: Mapping[str, Any], bench: Bench) -> dict[bool, set[float]]:
    """Of the groups of weights: of the body's, and of all others."""
    run = built(sections, bench)
    set_learning_rate(run.optimizer, 0.5)
    body = {id(weight) for name, weight in run.network.named_parameters() if name.startswith("backbone.body.")}
    found: dict[bool, set[float]] = {True: set(), False: set()}
    for group in run.optimizer.param_groups:
        for weight in group["params"]:
            found[id(weight) in body].add(group["lr"] / 0.5)
    return found


def rates(sections: Mapping[str, Any], bench: Bench) -> list[float]:
    settings = recipe_of(sections).hyperparameters.optimization
    return [learning_rate(settings, step=step, total_steps=10) for step in range(10)]


def steps_an_epoch(sections: Mapping[str, Any], bench: Bench) -> int:
    return line(sections, bench).steps_per_epoch


def gradient_norm(sections: Mapping[str, Any], bench: Bench) -> float:
    run = line(sections, bench)
    take_step(run, [run.task.collate([run.task.training[key] for key in steps_left(run)[0][0]])])
    norms = [weight.grad.norm() for weight in run.network.parameters() if weight.grad is not None]
    return torch.stack(norms).norm().item()


def epochs_done(sections: Mapping[str, Any], bench: Bench) -> list[tuple[int, bool]]:
    done = [report for report in train(line(sections, bench)) if isinstance(report, EpochDone)]
    return [(epoch.epoch, epoch.val_loss is not None) for epoch in done]


def epochs_without_patience(sections: Mapping[str, Any], bench: Bench) -> list[tuple[int, bool]]:
    process = {"epochs": 9, "early_stopping": {"patience": 2, "min_delta": 0.9}}
    strict = {"hyperparameters": {"optimization": {"learning_rate": 0.05}, "training_process": process}}
    return epochs_done(merged(strict, sections), bench)


def files_kept(sections: Mapping[str, Any], bench: Bench) -> set[str]:
    run_dir = RunDir(path=bench.folder / f"run-{len(list(bench.folder.iterdir()))}")
    run_dir.checkpoints.mkdir(parents=True)
    run = line(merged({"hyperparameters": {"training_process": {"epochs": 2}}}, sections), bench)
    with Journal(run_dir.journal) as journal:
        checkpointer = Checkpointer(run_dir=run_dir, run=run, class_names=("a",), journal=journal)
        for report in train(run):
            if isinstance(report, EpochDone):
                checkpointer.save_epoch(report)
        assert checkpointer.final_checkpoint().path.exists()
        checkpointer.remove_superseded()
    return {path.name for path in run_dir.checkpoints.iterdir()}


def count_folds(sections: Mapping[str, Any], bench: Bench) -> int:
    images = [ImageRecord(path=f"{n:02d}", sha256=f"{n}", size_bytes=1, width=4, height=3) for n in range(20)]
    job = TrainingJob(
        run_id="run", recipe=recipe_of(sections), class_names=("outer",), images=bench.folder, pretrained=None,
        training=tuple(images[:15]), validation=tuple(images[15:]), test=(), dataset_digest="",
    )  # fmt: skip
    return len(folds_of(job))


def precision_reason(sections: Mapping[str, Any], bench: Bench) -> str:
    wanted = recipe_of(sections).hyperparameters.advanced_settings.mixed_precision
    return choose_precision(wanted=wanted, device=torch.device("cpu")).reason


def processes(sections: Mapping[str, Any], bench: Bench) -> int:
    return processes_for(recipe_of(sections), gpus=4)


def strategy(sections: Mapping[str, Any], bench: Bench) -> str:
    try:
        return recipe_of(sections).hyperparameters.advanced_settings.multi_gpu_strategy
    except InvalidConfig as refusal:
        return refusal.accepted


def forgetting_stages(sections: Mapping[str, Any], bench: Bench) -> int:
    return sum("forward" in vars(stage) for stage in network(sections, bench).backbone.body.children())


def box_loss(sections: Mapping[str, Any], bench: Bench) -> float:
    torch.manual_seed(0)
    return classification_loss(torch.randn(9, 3), torch.arange(9) % 3, recipe_of(sections).loss_config).item()


def weighted_losses(sections: Mapping[str, Any], bench: Bench) -> dict[str, float]:
    class Ones(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.full((2, 2), 0.5))

        def forward(self, images: Any, targets: Any) -> dict[str, torch.Tensor]:
            return {name: torch.ones(()) for name in ("classification", "objectness", "box", "proposal_box", "mask")}

    run = built(sections, bench)
    task = run.task
    assert isinstance(task, InstanceSegmentation)
    return {name: part.item() for name, part in task.losses(Ones(), task.collate([])).items()}


def dropped_share(sections: Mapping[str, Any], bench: Bench) -> float:
    return float(network(sections, bench).roi_heads.box_head.dropout.p)


def first_weight(sections: Mapping[str, Any], bench: Bench) -> float:
    return next(network(sections, bench).parameters()).view(-1)[0].item()


def size_seen(sections: Mapping[str, Any], bench: Bench) -> tuple[int, ...]:
    batch, _ = network(sections, bench).eval().transform([torch.rand(3, 50, 50)])
    return tuple(batch.tensors.shape)


def images_by_part(sections: Mapping[str, Any], bench: Bench) -> list[int]:
    images = [ImageRecord(path=f"{n:02d}", sha256=f"{n}", size_bytes=1, width=4, height=3) for n in range(20)]
    split = split_for(DatasetIndex(format="", class_names=(), images=tuple(images)), recipe_of(sections))
    return [len(part) for part in (split.train, split.validation, split.test)]


FOCAL = {"loss_config": {"primary_loss": "focal_loss"}}
WEIGHTS = {"architecture_config": {"pretrained_weights": "w"}}
LARGE = "mask_rcnn_mobilenet_v3_large_fpn"
A, H = "architecture_config", "hyperparameters.optimization"
P, S, L = "hyperparameters.training_process", "hyperparameters.advanced_settings", "loss_config"

# key: (another value, what it names, what has to be set beside it)
TURNED: dict[str, tuple[Any, Callable[[Mapping[str, Any], Bench], Any], Mapping[str, Any]]] = {
    f"{A}.base_architecture": (LARGE, shapes, {}),
    f"{A}.pretrained_weights": ("w", norms_of_the_body, {}),
    f"{A}.custom_modifications.backbone_freezing": ("full", trained_count, WEIGHTS),
    f"{A}.custom_modifications.head_customization": ("phoenix_specialized", shapes, {}),
    f"{A}.custom_modifications.feature_pyramid": ("enhanced", shapes, {}),
    f"{A}.multi_gpu_support": (False, processes, {}),
    f"{A}.optimization_mode": ("default", compiled_stages, {}),
    f"{H}.learning_rate": (1e-4, rates, {}),
    f"{H}.lr_scheduler": ("step", rates, {}),
    f"{H}.batch_size": (5, steps_an_epoch, {}),
    f"{H}.gradient_clipping": (1e-3, gradient_norm, {}),
    f"{H}.weight_decay": (0.5, optimizer_settings("weight_decay"), {}),
    f"{H}.momentum": (0.5, optimizer_settings("betas"), {}),
    f"{H}.backbone_lr_multiplier": (0.2, shares_of_the_rate, WEIGHTS),
    f"{P}.epochs": (2, epochs_done, {}),
    f"{P}.early_stopping.patience": (4, epochs_without_patience, {}),
    f"{P}.early_stopping.min_delta": (0.0, epochs_without_patience, {}),
    f"{P}.validation_frequency": (3, epochs_done, {}),
    f"{P}.checkpoint_saving": ("all", files_kept, {}),
    f"{P}.cross_validation_folds": (4, count_folds, {}),
    f"{S}.mixed_precision": (False, precision_reason, {}),
    f"{S}.gradient_accumulation_steps": (3, steps_an_epoch, {}),
    f"{S}.multi_gpu_strategy": ("fully_sharded", strategy, {}),
    f"{S}.memory_optimization": (True, forgetting_stages, {}),
    f"{L}.primary_loss": ("focal_loss", box_loss, {}),
    f"{L}.loss_weights.classification": (3.0, weighted_losses, {}),
    f"{L}.loss_weights.bbox_regression": (3.0, weighted_losses, {}),
    f"{L}.loss_weights.mask_loss": (3.0, weighted_losses, {}),
    f"{L}.focal_loss_params.alpha": (0.75, box_loss, FOCAL),
    f"{L}.focal_loss_params.gamma": (0.5, box_loss, FOCAL),
    f"{L}.regularization.l2_weight": (0.01, weighted_losses, {}),
    f"{L}.regularization.dropout": (0.5, dropped_share, {}),
    "seed": (5, first_weight, {}),
    "image_size": (96, size_seen, {}),
    "split.validation_fraction": (0.3, images_by_part, {}),
    "split.test_fraction": (0.3, images_by_part, {}),
}


def test_no_key_is_left_out() -> None:
    # Windows are for networks that classify pixels: test_training_keys_of_tasks turns that key, and sees it refused. It
    # also turns that of the batch, which is found on images.
    assert {*TURNED, "sampling", f"{H}.find_batch_size"} == {*RULES, *ROW_KEYS}


@pytest.mark.parametrize("key", TURNED)
def test_turning_a_key_changes_what_it_names(bench: Bench, key: str) -> None:
    value, observe, beside = TURNED[key]
    before = observe(beside, bench)
    assert observe(beside, bench) == before
    if observe is compiled_stages and why_not_compilable("cpu"):
        with pytest.raises(InvalidConfig, match=key):
            observe(merged(beside, nested(key, value)), bench)
        return
    assert observe(merged(beside, nested(key, value)), bench) != before


def test_a_body_from_published_weights_learns_at_its_share_and_a_random_one_at_the_whole_rate(bench: Bench) -> None:
    share = nested(f"{H}.backbone_lr_multiplier", 0.2)
    assert shares_of_the_rate(merged(WEIGHTS, share), bench) == {True: {0.2}, False: {1.0}}
    with pytest.raises(InvalidConfig, match="backbone_lr_multiplier"):
        recipe_of(share)
    assert shares_of_the_rate(WEIGHTS, bench) == {True: {1.0}, False: {1.0}}


@pytest.mark.parametrize(
    ("saving", "kept"),
    [
        ("best_and_latest", {"best.pt", "latest.pt"}),
        ("best", {"best.pt"}),
        ("latest", {"latest.pt"}),
        ("all", {"best.pt", "latest.pt", "epoch-00001.pt", "epoch-00002.pt"}),
    ],
)
def test_the_checkpoints_requested_are_kept(bench: Bench, saving: str, kept: set[str]) -> None:
    assert files_kept(nested(f"{P}.checkpoint_saving", saving), bench) == kept


def test_each_weight_counts_for_its_own_parts(bench: Bench) -> None:
    weights = {"classification": 2.0, "bbox_regression": 3.0, "mask_loss": 5.0}
    parts = weighted_losses({"loss_config": {"loss_weights": weights, "regularization": {"l2_weight": 0.01}}}, bench)
    assert parts == pytest.approx(
        {"classification": 2, "objectness": 2, "box": 3, "proposal_box": 3, "mask": 5, "l2": 0.01}
    )


def test_weights_that_were_not_given_are_refused_by_name(bench: Bench) -> None:
    job = TrainingJob(
        run_id="run", recipe=recipe_of(WEIGHTS), class_names=("outer",), images=bench.folder, pretrained=None,
        training=(), validation=(), test=(), dataset_digest="",
    )  # fmt: skip
    with pytest.raises(InvalidConfig, match="pretrained_weights"):
        build_run(job, place=CPU, group=WorkerGroup(), stop_requested=str)


def test_several_processes_for_a_run_that_may_have_one_are_refused(bench: Bench) -> None:
    job = TrainingJob(
        run_id="run", recipe=recipe_of(nested(f"{A}.multi_gpu_support", False)), class_names=("outer",),
        images=bench.folder, pretrained=None, training=(), validation=(), test=(), dataset_digest="",
    )  # fmt: skip
    with pytest.raises(InvalidConfig, match="2 processes"):
        build_run(job, place=CPU, group=WorkerGroup(world_size=2), stop_requested=str)
