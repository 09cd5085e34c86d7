"""For every task: each key that network, loss or data obey changes what it names, or is refused by name.

Keys that only the loop obeys know no task: they are held by test_training_keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import ROWS, Row, row_of
from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.index.records import DepthMap, Light, LitObject, NormalMap, ReflectanceMap
from truscore.recipes import InvalidConfig, Recipe, config_of, processes_for, resolve
from truscore.recipes.accepted_values import RULES
from truscore.recipes.combinations import without_effect
from truscore.zoo import build_model
from truscore.zoo.classification.network import OrdinalClassifier
from truscore.zoo.classification.statistics_cnn import Standardise
from truscore.zoo.compilation import stages, why_not_compilable

from services.trainer.worker.batch_size import with_found_batch
from services.trainer.worker.build_run import build_run
from services.trainer.worker.devices import Place
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.loop import TrainingRun
from services.trainer.worker.optim import learning_rate, set_learning_rate
from services.trainer.worker.run_dir import RunDir, TrainingJob
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.lit_objects import LitSample
from services.trainer.worker.tasks.lit_surfaces import SurfaceSample

CPU = Place(device=torch.device("cpu"), name="cpu", cpus=1)
SIZE_PX = 64
LIT_PX = 80  # of views under many lights: larger than what an epoch sees of them

# A cheap row of each task; test_training_keys holds those of instance segmentation.
CHEAP = {
    row.task: row
    for row in (
        row_of("border_detection", "single_class", "yolo"),
        row_of("corner_analysis", "damage_detection", "u_net"),
        row_of("corner_analysis", "quality_classification", "efficientnet"),
        row_of("corner_analysis", "sharpness_rating", "custom_cnn"),
        row_of("surface_analysis", "damage_classification", "multi_head_cnn"),
        row_of("photometric_stereo", "surface_normal_estimation", "ps_net"),
        row_of("photometric_stereo", "depth_reconstruction", "depth_net"),
        row_of("photometric_stereo", "reflectance_analysis", "reflectance_net"),
    )
}


def smallest(row: Row) -> str:
    return min(row.bases, key=lambda base: NETWORKS[base].parameters)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """A row, and two images that say something for every task."""

    row: Row
    folder: Path

    def recipe(self, sections: Mapping[str, Any]) -> Recipe:
        network: dict[str, Any] = {"base_architecture": smallest(self.row)}
        if self.row.category == "border_detection":  # the strips of the second stage would take most of the time
            network["custom_modifications"] = {"head_customization": "standard"}
        small = {"image_size": SIZE_PX, "architecture_config": network}
        return resolve(self.row.category, self.row.option, self.row.architecture, merged(small, sections))

    def job(self, recipe: Recipe) -> TrainingJob:
        if self.row.category == "photometric_stereo":
            return _lit_job(recipe, self.folder)
        records = (_record("a.png", 1, 0.5), _record("b.png", 2, 2.0))
        named = ("sharpness",) if self.row.task == "regression" else ("one", "two")
        grades = (1.0, 2.0) if self.row.task == "ordinal_classification" else ()
        return TrainingJob(
            run_id="run", recipe=recipe, class_names=named, images=self.folder, pretrained=self.folder / "ours.pth",
            training=records * 10, validation=records, test=(), dataset_digest="", grades=grades,
        )  # fmt: skip

    def run(self, sections: Mapping[str, Any]) -> TrainingRun:
        recipe = self.recipe(sections)
        job = self.job(recipe)
        if job.pretrained is not None and not job.pretrained.exists():
            torch.manual_seed(99)
            published = self.recipe({"architecture_config": {"pretrained_weights": "ours"}})
            torch.save(build_model(published, len(job.class_names)).state_dict(), job.pretrained)
        job = with_found_batch(job, RunDir(path=self.folder), place=CPU, group=WorkerGroup())
        return build_run(job, place=CPU, group=WorkerGroup(), stop_requested=str).run


def _record(path: str, label: int, score: float) -> ImageRecord:
    outline = (8.0, 8.0, 40.0, 8.0, 40.0, 48.0, 8.0, 48.0)
    mark = Annotation(label=label, box_xywh=(8.0, 8.0, 32.0, 40.0), polygons=(outline,))
    return ImageRecord(
        path=path, sha256="", size_bytes=1, width=SIZE_PX, height=SIZE_PX, annotations=(mark,), labels=(label,),
        scores=(("sharpness", score),),
    )  # fmt: skip


def _lit_job(recipe: Recipe, folder: Path) -> TrainingJob:
    """Twenty objects that are the same noise under three lights: with three, nobody looks for a black level. Where
    surfaces are re-lit they have a fourth, which is held out."""
    _save_noise(folder, "lit-", LIT_PX)
    np.save(folder / "normals.npy", np.tile(np.float32([0, 0.6, 0.8]), (LIT_PX, LIT_PX, 1)))
    np.save(folder / "depth.npy", 15 * np.arange(LIT_PX, dtype=np.float32)[:, None].repeat(LIT_PX, axis=1) ** 0.5)
    lights = {"lit-a.png": (0.6, 0.0, 0.8), "lit-b.png": (0.0, 0.6, 0.8), "lit-c.png": (0.0, 0.0, 1.0)}
    if recipe.option == "reflectance_analysis":
        lights["lit-d.png"] = (-0.6, 0.0, 0.8)
    views = tuple(
        replace(
            _record(path, 1, 0.5),
            width=LIT_PX,
            height=LIT_PX,
            light=Light(object=f"card {number}", direction=direction),
        )
        for number in range(20)
        for path, direction in lights.items()
    )
    normals = NormalMap(
        path="normals.npy", sha256="", width=LIT_PX, height=LIT_PX, expected_px=LIT_PX**2, unit_px=LIT_PX**2
    )
    depth = DepthMap(
        path="depth.npy", sha256="", width=LIT_PX, height=LIT_PX, expected_px=LIT_PX**2, known_px=LIT_PX**2,
        pitch_um=20.0,
    )  # fmt: skip
    known: dict[str, Any] = {"normals": normals, "depth": depth}
    for what, value in {"albedo": 0.5, "roughness": 0.3, "f0": 0.04}.items():
        np.save(folder / f"{what}.npy", np.full((LIT_PX, LIT_PX), value, np.float32))
        known[what] = ReflectanceMap(
            path=f"{what}.npy", sha256="", width=LIT_PX, height=LIT_PX, expected_px=LIT_PX**2, possible_px=LIT_PX**2
        )
    return TrainingJob(
        run_id="run", recipe=recipe, class_names=(), images=folder, pretrained=folder / "ours.pth",
        training=views, validation=views[: 2 * len(lights)], test=(), dataset_digest="",
        objects=tuple(LitObject(name=f"card {number}", **known) for number in range(20)),
    )  # fmt: skip


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    _save_noise(tmp_path)
    return Bench(row=CHEAP[request.param], folder=tmp_path)


def _save_noise(folder: Path, prefix: str = "", side: int = SIZE_PX) -> None:
    noise = np.random.default_rng(7)
    for name in ("a.png", "b.png", "c.png", "d.png"):
        Image.fromarray(noise.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(folder / f"{prefix}{name}")


def merged(*trees: Mapping[str, Any]) -> dict[str, Any]:
    both: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            both[key] = merged(both.get(key, {}), value) if isinstance(value, Mapping) else value
    return both


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def at(tree: Mapping[str, Any], key: str) -> Any:
    value: Any = tree
    for part in key.split("."):
        value = value[part]
    return value


def shapes(run: TrainingRun) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in run.network.state_dict().items()}


def weights(run: TrainingRun) -> list[float]:
    return [value.double().sum().item() for value in run.network.parameters()]


def trained_count(run: TrainingRun) -> int:
    return sum(weight.requires_grad for weight in run.network.parameters())


def dropped_shares(run: TrainingRun) -> list[float]:
    return [float(p) for module in run.network.modules() if isinstance(p := getattr(module, "p", None), float)]


def evaluated_as(run: TrainingRun) -> type:
    """Squares of the network's size, or whole pictures, which it goes over in tiles."""
    return type(run.task.training[Key(epoch=0, index=0)])


def losses(run: TrainingRun) -> dict[str, float]:
    """Of the first step, the same images and dice each time."""
    torch.manual_seed(5)
    batch = run.task.collate([run.task.training[Key(epoch=0, index=index)] for index in (0, 1)])
    run.model.train()
    return {name: part.item() for name, part in run.task.losses(run.model, batch).items()}


def compiled_stages(run: TrainingRun) -> int:
    return sum(hasattr(stage.forward, "_torchdynamo_orig_callable") for stage in stages(run.network))


def forgetting_stages(run: TrainingRun) -> int:
    return sum("forward" in vars(stage) for stage in stages(run.network))


def optimizer_settings(name: str) -> Callable[[TrainingRun], Any]:
    return lambda run: [group[name] for group in run.optimizer.param_groups]


def rates_of_groups(run: TrainingRun) -> set[float]:
    set_learning_rate(run.optimizer, 1.0)
    return {group["lr"] for group in run.optimizer.param_groups}


def rates(run: TrainingRun) -> list[float]:
    settings = run.recipe.hyperparameters.optimization
    return [learning_rate(settings, step=step, total_steps=10) for step in range(10)]


def sides_seen(run: TrainingRun) -> list[int]:
    """Of the image where tasks frame it, of the network's batch where detectors scale it."""
    if hasattr(run.network, "transform"):
        batch, _ = run.network.eval().transform([torch.rand(3, 50, 50)])
        return list(batch.tensors.shape)
    sample = run.task.training[Key(epoch=0, index=0)]
    if isinstance(sample, LitSample):  # how much of an object an epoch sees
        return [len(run.task.training[Key(epoch=1, index=0)].place_P)]
    if isinstance(sample, SurfaceSample):
        return list(run.task.training[Key(epoch=1, index=0)].inside_HW.shape)
    return list(sample.image_CSS.shape)


A, H = "architecture_config", "hyperparameters.optimization"
P, S, L = "hyperparameters.training_process", "hyperparameters.advanced_settings", "loss_config"
FOCAL = {"loss_config": {"primary_loss": "focal_loss"}}
OURS = {"architecture_config": {"pretrained_weights": "ours"}}

# key: (another value, what it names, what has to be set beside it)
TURNED: dict[str, tuple[Any, Callable[[TrainingRun], Any], Mapping[str, Any]]] = {
    f"{A}.pretrained_weights": ("ours", weights, {}),
    f"{A}.custom_modifications.backbone_freezing": ("full", trained_count, OURS),
    f"{A}.custom_modifications.head_customization": ("phoenix_specialized", shapes, {}),
    f"{A}.custom_modifications.feature_pyramid": ("enhanced", shapes, {}),  # or the other way round
    f"{A}.multi_gpu_support": (False, lambda run: processes_for(run.recipe, gpus=4), {}),
    f"{A}.optimization_mode": ("default", compiled_stages, {}),
    f"{H}.learning_rate": (1e-5, rates, {}),
    f"{H}.lr_scheduler": ("step", rates, {}),
    f"{H}.batch_size": (5, lambda run: run.steps_per_epoch, {}),
    f"{H}.find_batch_size": (True, lambda run: run.found_batch, {}),
    f"{H}.weight_decay": (0.5, optimizer_settings("weight_decay"), {}),
    f"{H}.momentum": (0.5, optimizer_settings("betas"), {}),
    f"{H}.backbone_lr_multiplier": (0.2, rates_of_groups, OURS),
    f"{P}.epochs": (7, lambda run: run.total_steps, {}),
    f"{S}.gradient_accumulation_steps": (3, lambda run: run.steps_per_epoch, {}),
    f"{S}.memory_optimization": (True, forgetting_stages, {}),
    f"{L}.loss_weights.classification": (3.0, losses, {}),
    f"{L}.loss_weights.bbox_regression": (3.0, losses, {}),
    f"{L}.loss_weights.mask_loss": (3.0, losses, {}),
    f"{L}.focal_loss_params.alpha": (0.75, losses, FOCAL),
    f"{L}.focal_loss_params.gamma": (0.5, losses, FOCAL),
    f"{L}.regularization.l2_weight": (0.01, losses, {}),
    f"{L}.regularization.dropout": (0.5, dropped_shares, {}),
    "seed": (5, weights, {}),
    "image_size": (96, sides_seen, {}),
    "sampling": ("windows", evaluated_as, {}),
}
OF_THE_LOOP = {
    f"{H}.gradient_clipping",
    f"{P}.early_stopping.patience",
    f"{P}.early_stopping.min_delta",
    f"{P}.validation_frequency",
    f"{P}.checkpoint_saving",
    f"{P}.cross_validation_folds",
    f"{S}.mixed_precision",
    f"{S}.multi_gpu_strategy",
    "split.validation_fraction",
    "split.test_fraction",
}
OF_THE_DATA = {key for key in RULES if key.startswith("split.")}
TASKS = pytest.mark.parametrize("bench", CHEAP, indirect=True)


def test_no_key_is_left_out() -> None:
    assert {*TURNED, *OF_THE_LOOP, *OF_THE_DATA} == set(RULES)
    assert {*CHEAP, "instance_segmentation"} == {row.task for row in ROWS if row.available}


@TASKS
@pytest.mark.parametrize("key", TURNED)
def test_turning_a_key_changes_what_it_names_or_is_refused_by_name(bench: Bench, key: str) -> None:
    value, observe, beside = TURNED[key]
    if beside is FOCAL and "focal_loss" not in bench.row.losses:
        with pytest.raises(InvalidConfig, match=key):
            bench.recipe(nested(key, value))
        return
    if at(config_of(bench.recipe({})), key) == value:
        value = "standard"
    turned = merged(beside, nested(key, value))
    if observe is compiled_stages and (reason := why_not_compilable("cpu")):
        with pytest.raises(InvalidConfig, match=key) as impossible:
            bench.run(turned)
        assert reason in str(impossible.value)
        return
    if key in without_effect(bench.row, smallest(bench.row)):
        with pytest.raises(InvalidConfig) as refused:
            bench.recipe(turned)
        assert (refused.value.key, refused.value.value) == (key, value)
        return
    before = observe(bench.run(beside))
    assert observe not in (losses, weights) or observe(bench.run(beside)) == before
    assert observe(bench.run(turned)) != before


@TASKS
def test_every_loss_that_a_row_accepts_gives_other_gradients(bench: Bench) -> None:
    found = []
    for loss in bench.row.losses:
        output = losses(bench.run({"loss_config": {"primary_loss": loss}}))
        assert all(np.isfinite(part) for part in output.values())
        found.append(tuple(sorted(output.items())))
    assert len(set(found)) == len(bench.row.losses)


@TASKS
def test_weights_count_for_the_parts_of_the_loss_that_they_name(bench: Bench) -> None:
    """Doubling all of a task's weights doubles its loss; the penalty on large weights stays."""
    silent = without_effect(bench.row, smallest(bench.row))
    names = ("classification", "bbox_regression", "mask_loss")
    doubled = {name: 2.0 for name in names if f"{L}.loss_weights.{name}" not in silent}
    penalty = {"regularization": {"l2_weight": 0.01}}
    once = losses(bench.run({"loss_config": penalty}))
    twice = losses(bench.run({"loss_config": {**penalty, "loss_weights": doubled}}))
    assert twice == pytest.approx({name: (1 if name == "l2" else 2) * part for name, part in once.items()}, rel=1e-5)


@pytest.fixture
def bench_of_graders(tmp_path: Path) -> Bench:
    _save_noise(tmp_path)
    return Bench(row=row_of("surface_analysis", "quality_rating", "efficientnet"), folder=tmp_path)


def test_a_grader_that_reads_statistics_is_given_those_of_its_training_images(bench_of_graders: Bench) -> None:
    run = bench_of_graders.run({"architecture_config": {"base_architecture": "statistics_efficientnet_lite0"}})
    network = run.network
    assert isinstance(network, OrdinalClassifier)
    assert network.training
    network.eval()
    [norm] = [module for module in network.modules() if isinstance(module, Standardise)]
    squares = [run.task.training[Key(epoch=0, index=at)].image_CSS for at in (0, 1)]
    with torch.no_grad():
        features_BF = network.head.features(network.backbone(network.normalised(torch.stack(squares).float() / 255)))
    torch.testing.assert_close(norm.mean_F, features_BF.mean(dim=0), rtol=1e-4, atol=1e-4)
