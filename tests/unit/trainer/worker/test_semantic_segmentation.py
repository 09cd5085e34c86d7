"""The task of finding damaged pixels: what is drawn, trained on, evaluated and shown."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from truscore.augmentation.pixel_labels import framed_labels, label_map
from truscore.datasets import Annotation, ImageRecord, mask_to_rle
from truscore.metrics.pixel_thresholds import BINS, count_thresholds, threshold_diagrams
from truscore.recipes import InvalidConfig, Recipe, resolve
from truscore.zoo.framing import Framed

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task
from services.trainer.worker.tasks.semantic_segmentation import SemanticSegmentation

BOX = Annotation(label=1, box_xywh=(2.0, 1.0, 4.0, 3.0))


def record(*annotations: Annotation, width: int = 20, height: int = 10, path: str = "a.png") -> ImageRecord:
    return ImageRecord(path=path, sha256="", size_bytes=0, width=width, height=height, annotations=annotations)


class Fixed(Framed):
    """Gives the logits it was made with for every image."""

    def __init__(self, logits_KSS: Tensor) -> None:
        super().__init__(logits_KSS.shape[-1])
        self.logits_KSS = torch.nn.Parameter(logits_KSS)

    def forward(self, image_BCSS: Tensor) -> Tensor:
        return self.logits_KSS.expand(len(image_BCSS), -1, -1, -1)

    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        return {"probabilities": raw.softmax(dim=1)}


def recipe_of(**sections: Any) -> Recipe:
    return resolve("corner_analysis", "damage_detection", "u_net", {"image_size": 32, **sections})


def task_of(folder: Path, *records: ImageRecord, recipe: Recipe | None = None) -> SemanticSegmentation:
    generator = np.random.default_rng(0)
    for one in records:
        Image.fromarray(generator.integers(0, 255, (one.height, one.width, 3), dtype=np.uint8)).save(folder / one.path)
    job = TrainingJob(
        run_id="run-1", recipe=recipe or recipe_of(), class_names=("wear", "scratch"), images=folder, pretrained=None,
        training=records, validation=records, test=(), dataset_digest="",
    )  # fmt: skip
    task = make_task(job, evaluated=records, cache_limit_bytes=1 << 20)
    assert isinstance(task, SemanticSegmentation)
    return task


def test_boxes_polygons_and_run_lengths_are_drawn_as_what_they_cover() -> None:
    expected = np.zeros((10, 20), dtype=np.uint8)
    expected[1:4, 2:6] = 1
    polygon = replace(BOX, polygons=((2.0, 1.0, 6.0, 1.0, 6.0, 4.0, 2.0, 4.0),))
    lengths = replace(BOX, rle=mask_to_rle(expected > 0))
    for shape in (BOX, polygon, lengths):
        np.testing.assert_array_equal(label_map(record(shape), 10, 20), expected)


def test_of_two_marks_the_later_one_wins_and_crowds_are_ignored() -> None:
    later = Annotation(label=2, box_xywh=(4.0, 1.0, 4.0, 3.0))
    crowd = Annotation(label=1, box_xywh=(7.0, 1.0, 4.0, 3.0), crowd=True)
    row = label_map(record(BOX, later, crowd), 10, 20)[2]
    assert row.tolist() == [0, 0, 1, 1, 2, 2, 2, 255, 255, 255, 255, *[0] * 9]


def test_labels_are_framed_as_images_are_and_nothing_is_known_beside_them() -> None:
    labels_SS = framed_labels(record(BOX), 10)
    assert (labels_SS[5:] == 255).all()
    assert (labels_SS[:5] != 255).all()
    assert labels_SS[1, 1:3].tolist() == [1, 1]


def test_a_scratch_thinner_than_a_pixel_stays_a_line() -> None:
    scratch = Annotation(label=2, box_xywh=(0.0, 101.0, 400.0, 2.0))
    labels_hw = label_map(record(scratch, width=400, height=400), 20, 20)
    assert (labels_hw == 2).sum() == 20
    assert (labels_hw[5] == 2).all()


def test_large_damage_keeps_its_area_when_scaled() -> None:
    large = Annotation(label=1, box_xywh=(50.0, 50.0, 210.0, 150.0))
    labels_hw = label_map(record(large, width=400, height=400), 40, 40)
    assert (labels_hw == 1).sum() == pytest.approx(21 * 15, rel=0.1)


def test_augmented_labels_move_with_their_image(tmp_path: Path) -> None:
    bright = np.zeros((32, 32, 3), dtype=np.uint8)
    bright[4:20, 6:16] = 255
    mark = Annotation(label=1, box_xywh=(6.0, 4.0, 10.0, 16.0))
    task = task_of(tmp_path, record(mark, width=32, height=32))
    Image.fromarray(bright).save(tmp_path / "a.png")
    for epoch in range(1, 8):
        sample = task.training[Key(epoch=epoch, index=0)]
        seen_SS = sample.image_CSS.float().mean(dim=0) > 140
        assert sample.labels_SS is not None
        known_SS = sample.labels_SS != 255
        marked_SS = sample.labels_SS == 1
        assert (seen_SS & marked_SS & known_SS).sum() > 0.8 * (seen_SS | marked_SS)[known_SS].sum()
    assert torch.equal(task.training[Key(epoch=0, index=0)].image_CSS, task.validation[Key(epoch=0, index=0)].image_CSS)


def logits_of(labels_SS: Tensor, *, certainty: float = 8.0) -> Tensor:
    return certainty * torch.stack([(labels_SS == label).float() for label in range(3)])


def evaluated(task: SemanticSegmentation, model: Framed) -> tuple[Mapping[str, float], list[Any]]:
    keys = [Key(epoch=0, index=index) for index in range(len(task.validation))]
    batch = task.collate([task.validation[key] for key in keys])
    with torch.no_grad():
        batch_evaluation = task.evaluate(model.eval(), batch, keys)
    return batch_evaluation.losses, list(batch_evaluation.image_results)


def test_what_is_found_exactly_is_evaluated_perfect_at_the_images_own_size(tmp_path: Path) -> None:
    scratch = Annotation(label=2, box_xywh=(32.0, 4.0, 8.0, 24.0))
    wear = Annotation(label=1, box_xywh=(4.0, 4.0, 16.0, 16.0))
    task = task_of(tmp_path, record(wear, scratch, width=64, height=32))
    model = Fixed(logits_of(framed_labels(task.validation.records[0], 32)))
    _, image_results = evaluated(task, model)
    assert task.metrics(image_results)["mask_mean_IoU"] == 1.0
    assert np.sum(image_results[0].count_pixels.counts) == 64 * 32


def test_large_images_are_evaluated_at_1024_pixels(tmp_path: Path) -> None:
    task = task_of(tmp_path, record(BOX, width=2048, height=512))
    _, image_results = evaluated(task, Fixed(torch.zeros(3, 32, 32)))
    assert np.sum(image_results[0].count_pixels.counts) == 1024 * 256


def test_the_weight_of_the_mask_loss_scales_every_part(tmp_path: Path) -> None:
    losses = {}
    for weight in (1.0, 3.0):
        recipe = recipe_of(loss_config={"loss_weights": {"mask_loss": weight}})
        task = task_of(tmp_path, record(BOX), recipe=recipe)
        losses[weight], _ = evaluated(task, Fixed(torch.zeros(3, 32, 32)))
    assert losses[1.0].keys() == {"mask_cross_entropy", "mask_dice"}
    for name, part in losses[1.0].items():
        assert losses[3.0][name] == pytest.approx(3 * part)


def test_the_l2_weight_adds_a_part_while_training_only(tmp_path: Path) -> None:
    recipe = recipe_of(loss_config={"regularization": {"l2_weight": 0.5}})
    task = task_of(tmp_path, record(BOX), recipe=recipe)
    model = Fixed(torch.ones(3, 32, 32))
    batch = task.collate([task.training[Key(epoch=0, index=0)]])
    assert task.losses(model, batch)["l2"].item() == pytest.approx(0.5 * 3 * 32 * 32)
    assert "l2" not in evaluated(task, model)[0]


def test_the_report_begins_with_the_worst_image(tmp_path: Path) -> None:
    right = record(Annotation(label=1, box_xywh=(4.0, 4.0, 16.0, 16.0)), width=32, height=32, path="right.png")
    wrong = record(Annotation(label=1, box_xywh=(20.0, 20.0, 8.0, 8.0)), width=32, height=32, path="wrong.png")
    task = task_of(tmp_path, right, wrong)
    model = Fixed(logits_of(framed_labels(right, 32)))
    _, image_results = evaluated(task, model)
    out = tmp_path / "report"
    out.mkdir()
    report = task.report(model, image_results, out)
    assert [picture["image"] for picture in report["pictures"]] == ["wrong.png", "right.png"]
    assert all((out / picture["file"]).exists() for picture in report["pictures"])
    assert {diagram["kind"] for diagram in report["diagrams"]} == {"precision_recall", "threshold"}


def test_curves_over_thresholds_count_what_would_be_found() -> None:
    probability_1HW = np.array([[[0.95, 0.55, 0.05, 0.65]]], dtype=np.float32)
    target_HW = np.array([[1, 1, 0, 255]], dtype=np.uint8)
    precision_recall, overlap = threshold_diagrams([count_thresholds(probability_1HW, target_HW)], ("wear",))
    at = dict(zip(overlap.series[0].x, overlap.series[0].y, strict=True))
    assert at[0.0] == pytest.approx(2 / 3)
    assert at[0.5] == pytest.approx(1.0)
    assert at[0.6] == pytest.approx(0.5)
    assert overlap.series[0].x[-1] == 1 - 1 / BINS
    assert (max(precision_recall.series[0].y), min(precision_recall.series[0].y)) == (1.0, pytest.approx(2 / 3))


def test_a_damage_that_is_no_target_anywhere_has_no_curve() -> None:
    nothing = count_thresholds(np.zeros((2, 4, 4), dtype=np.float32), np.zeros((4, 4), dtype=np.uint8))
    assert [diagram.series for diagram in threshold_diagrams([nothing], ("wear", "scratch"))] == [(), ()]


@pytest.mark.parametrize(
    ("architecture", "section", "key"),
    [
        ("deeplabv3", {"custom_modifications": {"head_customization": "phoenix_specialized"}}, "head_customization"),
        ("segment_anything", {"custom_modifications": {"feature_pyramid": "enhanced"}}, "feature_pyramid"),
        ("u_net", {"custom_modifications": {"backbone_freezing": "partial"}}, "backbone_freezing"),
    ],
)
def test_what_has_no_effect_on_a_segmenter_is_refused(architecture: str, section: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidConfig, match=key):
        resolve("edge_analysis", "wear_detection", architecture, {"architecture_config": section})


@pytest.mark.parametrize("profile", ["small", "full"])
@pytest.mark.parametrize("architecture", ["u_net", "deeplabv3", "segment_anything"])
def test_corners_and_edges_are_trained_by_the_same_recipes(architecture: str, profile: str) -> None:
    corner = resolve("corner_analysis", "damage_detection", architecture, profile=profile)
    edge = resolve("edge_analysis", "wear_detection", architecture, profile=profile)
    assert replace(edge, category=corner.category, option=corner.option) == corner
    assert corner.primary_metric == "binary_dice"
