"""A run that asks for it trains on instances of other images, and is refused where none can be pasted."""

from dataclasses import replace

import pytest
import torch
from truscore.recipes import resolve
from truscore.synthesis import render_dataset

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.run_dir import RunDir, TrainingJob, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.instance_segmentation import splits
from tests.learning.run_folder import TINY, lay_out


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    folder = tmp_path_factory.mktemp("run")
    cards = render_dataset(folder / "cards", count=8, seed=3, image_size=(96, 96))
    return read_job(RunDir(path=lay_out(folder / "run", cards, overrides=TINY).path))


def with_sampling(job: TrainingJob, sampling: str) -> TrainingJob:
    overrides = {"sampling": sampling, "image_size": 64, "seed": 7}
    return replace(job, recipe=resolve("surface_analysis", "defect_detection", "fpn", overrides))


def test_an_order_of_copy_paste_trains_on_more_instances_and_is_evaluated_on_its_own(job: TrainingJob) -> None:
    whole, pasted = (splits(with_sampling(job, name), job.validation, 1 << 24) for name in ("whole", "copy_paste"))
    keys = [Key(epoch=epoch, index=index) for epoch in (1, 2, 3) for index in range(len(job.training))]
    more = [len(pasted[0][key].labels_N) - len(whole[0][key].labels_N) for key in keys]
    assert sum(count > 0 for count in more) >= len(keys) // 4
    assert 0 in more
    for key in (Key(epoch=0, index=index) for index in range(len(job.validation))):
        assert torch.equal(pasted[1][key].image_CHW, whole[1][key].image_CHW)


def test_where_boxes_are_all_that_is_known_an_order_of_copy_paste_is_refused(job: TrainingJob) -> None:
    boxes = tuple(
        replace(
            record,
            annotations=tuple(replace(one, polygons=(), rle=None, shape="") for one in record.annotations),
        )
        for record in job.training
    )
    ordered = replace(with_sampling(job, "copy_paste"), training=boxes)
    with pytest.raises(InvalidJob, match=rf"'copy_paste': none of the {len(boxes)} training images .* sampling=whole"):
        splits(ordered, job.validation, 1 << 24)
    splits(with_sampling(replace(job, training=boxes), "whole"), job.validation, 1 << 24)
