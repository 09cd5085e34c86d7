"""The task of windows: whole pictures evaluated tile by tile, and the threshold that is chosen on them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from truscore.datasets import Annotation, ImageRecord
from truscore.metrics.damage_thresholds import DEFAULT, THRESHOLDS, best_threshold
from truscore.metrics.segmentation import PixelConfusion, count_pixels
from truscore.recipes import InvalidConfig, recipe_from_json, recipe_to_json, resolve
from truscore.zoo import build_model
from truscore.zoo.framing import Framed

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task
from services.trainer.worker.tasks.windowed_segmentation import WindowedSegmentation

ROW = ("corner_analysis", "damage_detection", "u_net")
WINDOWS = {"image_size": 32, "sampling": "windows", "loss_config": {"primary_loss": "hierarchical_dice_loss"}}
MARKED = ImageRecord(
    path="a.png", sha256="", size_bytes=0, width=70, height=50,
    annotations=(Annotation(label=2, box_xywh=(40.0, 20.0, 9.0, 6.0)),),
)  # fmt: skip
FLAWLESS = ImageRecord(path="b.png", sha256="", size_bytes=0, width=40, height=64, annotations=())


class Brightness(Framed):
    """The redder a pixel, the more it is of damage 2: what it says follows from the pixel alone."""

    def __init__(self) -> None:
        super().__init__(32)
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.register_buffer("damage_threshold", torch.tensor(0.5))

    def forward(self, image_BCSS: Tensor) -> Tensor:
        damage_BSS = image_BCSS[:, 0].clamp(0.001, 0.999) * self.weight
        return torch.stack((1 - damage_BSS, damage_BSS * 0.1, damage_BSS * 0.9), dim=1).log()

    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        return {"probabilities": raw.softmax(dim=1)}


@pytest.fixture
def task(tmp_path: Path) -> WindowedSegmentation:
    marked = np.full((50, 70, 3), 20, dtype=np.uint8)
    marked[20:26, 40:49] = 210
    flawless = np.full((64, 40, 3), 20, dtype=np.uint8)
    flawless[5, 5] = 170  # as bright as some damage: a false alarm at one half
    Image.fromarray(marked).save(tmp_path / "a.png")
    Image.fromarray(flawless).save(tmp_path / "b.png")
    records = (MARKED, FLAWLESS)
    job = TrainingJob(
        run_id="run-1", recipe=resolve(*ROW, WINDOWS), class_names=("wear", "scratch"), images=tmp_path,
        pretrained=None, training=records, validation=records, test=(), dataset_digest="",
    )  # fmt: skip
    made = make_task(job, evaluated=records, cache_limit_bytes=1 << 20)
    assert isinstance(made, WindowedSegmentation)
    return made


def evaluated(task: WindowedSegmentation, network: Framed) -> Any:
    keys = [Key(epoch=0, index=index) for index in range(2)]
    batch = task.to_device(task.collate([task.validation[key] for key in keys]), torch.device("cpu"))
    with torch.no_grad():
        return task.evaluate(network.eval(), batch, keys)


def test_the_threshold_that_keeps_flawless_images_quiet_is_chosen_and_stays_in_the_network(
    task: WindowedSegmentation, tmp_path: Path
) -> None:
    network = Brightness()
    results = evaluated(task, network).image_results
    at_one_half = task.metrics(results)
    # Fifty-four pixels of damage, all found, and one of 2,560 flawless ones.
    assert at_one_half["binary_IoU"] == pytest.approx(54 / 55)
    assert at_one_half["false_alarm_rate"] == 1.0
    assert at_one_half["false_alarm_area"] == 1 / 2560
    chosen = task.choose_threshold(network, results)
    assert task.metrics(chosen)["false_alarm_rate"] == 0.0
    assert task.metrics(chosen)["binary_dice"] == 1.0
    assert float(network.damage_threshold) == pytest.approx(0.7)
    # As it is resumed and exported: a part of the weights.
    again = Brightness()
    again.load_state_dict(network.state_dict())
    assert task.metrics(evaluated(task, again).image_results) == task.metrics(chosen)
    report = task.report(again, evaluated(task, again).image_results, tmp_path)
    assert {picture["image"] for picture in report["pictures"]} == {"a.png", "b.png"}


def test_a_window_is_trained_on_and_all_parts_of_its_loss_have_a_gradient(task: WindowedSegmentation) -> None:
    torch.manual_seed(0)
    network = build_model(resolve(*ROW, WINDOWS), 2).train()
    batch = task.collate([task.training[Key(epoch=1, index=index)] for index in range(2)])
    parts = task.losses(network, batch)
    assert list(parts) == ["damage_cross_entropy", "damage_dice", "damage_class"]
    for part in parts.values():
        (gradient,) = torch.autograd.grad(part, network.head[0].weight, retain_graph=True)
        assert gradient.abs().max() > 0


def test_of_equals_the_threshold_nearest_to_one_half_is_taken_and_without_damage_one_half() -> None:
    mark = np.zeros((8, 8), dtype=np.uint8)
    mark[2:4, 2:4] = 1
    right, wrong = count_pixels(0, mark, mark, classes=2), count_pixels(0, mark, mark * 0, classes=2)
    alike = [right if 2 <= place <= 8 else wrong for place in range(len(THRESHOLDS))]
    assert THRESHOLDS[best_threshold([alike])] == 0.5
    flawless = [count_pixels(0, mark * 0, mark * 0, classes=2)] * len(THRESHOLDS)
    assert best_threshold([flawless]) == DEFAULT


def test_what_a_few_images_tell_apart_by_chance_only_does_not_move_the_threshold() -> None:
    """Four images have a pixel more right at 0.5; one is right at 0.98 only, and makes that the best by sums."""
    mark = np.zeros((8, 8), dtype=np.uint8)
    mark[2:4, 2:5] = 1
    less, none = mark.copy(), mark * 0
    less[2, 2] = 0

    def at(right: int, others: np.ndarray) -> list[PixelConfusion]:
        return [
            count_pixels(0, mark, mark if place == right else others, classes=2) for place in range(len(THRESHOLDS))
        ]

    usual, odd = at(DEFAULT, less), at(THRESHOLDS.index(0.98), none)
    assert THRESHOLDS[best_threshold([usual] * 4 + [odd])] == 0.5
    assert THRESHOLDS[best_threshold([odd] * 4 + [usual])] == 0.98


@pytest.mark.parametrize(("found", "chosen"), [(2, 0.5), (15, 0.98)])
def test_flawless_images_are_kept_quiet_unless_most_of_the_damage_would_be_missed_for_it(
    found: int, chosen: float
) -> None:
    """From 0.98 on nothing is found on flawless images, and so many of 16 pixels of damage on the others."""
    mark = np.zeros((8, 8), dtype=np.uint8)
    mark[2:6, 2:6] = 1
    less = np.where(np.cumsum(mark).reshape(mark.shape) <= found, mark, 0).astype(np.uint8)

    def at(target: np.ndarray, below: np.ndarray, above: np.ndarray) -> list[PixelConfusion]:
        return [count_pixels(0, target, above if from_p >= 0.98 else below, classes=2) for from_p in THRESHOLDS]

    damaged, flawless = at(mark, mark, less), at(mark * 0, mark, mark * 0)
    assert THRESHOLDS[best_threshold([damaged] * 8 + [flawless] * 4)] == chosen


def test_whole_images_keep_their_bytes_and_windows_are_written() -> None:
    whole = recipe_to_json(resolve(*ROW, {"sampling": "whole"}))
    assert "sampling" not in whole
    windows = resolve(*ROW, WINDOWS)
    assert recipe_from_json(recipe_to_json(windows)) == windows
    assert recipe_from_json(whole).sampling == "whole"


def test_windows_are_refused_where_no_pixel_is_classified() -> None:
    with pytest.raises(InvalidConfig, match="windows are for semantic_segmentation"):
        resolve("surface_analysis", "quality_rating", "", {"sampling": "windows"})


def test_a_network_of_whole_images_has_no_threshold_among_its_weights() -> None:
    assert "damage_threshold" not in build_model(resolve(*ROW, {"image_size": 32}), 2).state_dict()
