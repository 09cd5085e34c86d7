"""Samples whose pixels come out of a pack are those that are decoded, in every way in which tasks take pixels."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from truscore.augmentation import policy_for
from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.images.pack import PackFolder

from services.trainer.worker.pixels import ImagePixels
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.framed_images import FramedImages
from services.trainer.worker.tasks.instance_images import InstanceImages
from services.trainer.worker.tasks.protocol import Samples
from services.trainer.worker.tasks.windows import WindowedImages

POLICY = policy_for("border_detection", "dual_class")
SIZES = ((90, 120), (150, 64))
Make = Callable[[list[ImageRecord], Path, ImagePixels | None], Samples]


def instances(records: list[ImageRecord], folder: Path, pixels: ImagePixels | None) -> Samples:
    return InstanceImages(
        records, folder=folder, image_size=48, seed=3, policy=POLICY, cache_limit_bytes=0, strips=3, kinds=1,
        pixels=pixels,
    )  # fmt: skip


def squares(records: list[ImageRecord], folder: Path, pixels: ImagePixels | None) -> Samples:
    return FramedImages(
        records, folder=folder, image_size=48, augment=lambda sample, epoch, index: sample, cache_limit_bytes=0,
        pixels=pixels,
    )  # fmt: skip


def windows(records: list[ImageRecord], folder: Path, pixels: ImagePixels | None) -> Samples:
    return WindowedImages(
        records, folder=folder, side=40, seed=3, augment=lambda sample, epoch, index: sample, cache_limit_bytes=0,
        pixels=pixels,
    )  # fmt: skip


@pytest.fixture
def records(tmp_path: Path) -> list[ImageRecord]:
    made = []
    for number, (height, width) in enumerate(SIZES):
        path = tmp_path / f"{number}.png"
        generator = np.random.default_rng(number)
        Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
        box = (8.0, 8.0, width - 16.0, height - 16.0)
        made.append(
            ImageRecord(
                path=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size_bytes=path.stat().st_size,
                width=width, height=height, annotations=(Annotation(label=1, box_xywh=box),),
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("make", [instances, squares, windows])
def test_samples_are_the_same_with_and_without_a_pack(records: list[ImageRecord], tmp_path: Path, make: Make) -> None:
    packs = PackFolder(path=tmp_path / "packs", limit_bytes=1 << 20)
    keys = [Key(epoch=epoch, index=index) for epoch in (0, 1, 2) for index in range(len(records))]
    decoded = [make(records, tmp_path, None)[key] for key in keys]
    filling = make(records, tmp_path, ImagePixels(tmp_path, records, packs))
    for key, sample in zip(keys, decoded, strict=True):
        assert_same(sample, filling[key])
    for path in tmp_path.glob("*.png"):
        path.unlink()
    filled = make(records, tmp_path, ImagePixels(tmp_path, records, packs))
    for key, sample in zip(keys, decoded, strict=True):
        assert_same(sample, filled[key])


def test_a_folder_that_takes_no_packs_leaves_samples_as_they_are(records: list[ImageRecord], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    packs = PackFolder(path=tmp_path / "file" / "packs", limit_bytes=1 << 20)
    with pytest.warns(UserWarning, match="not kept"):
        sample = squares(records, tmp_path, ImagePixels(tmp_path, records, packs))[Key(epoch=0, index=0)]
    assert_same(sample, squares(records, tmp_path, None)[Key(epoch=0, index=0)])


def assert_same(one: Any, other: Any) -> None:
    pairs = list(zip(tensors(one), tensors(other), strict=True))
    assert pairs
    assert all(left.dtype == right.dtype and torch.equal(left, right) for left, right in pairs)


def tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, np.ndarray):
        yield torch.from_numpy(value.copy())
    elif is_dataclass(value):
        for each in fields(value):
            yield from tensors(getattr(value, each.name))
    elif isinstance(value, dict):
        for name in sorted(value):
            yield from tensors(value[name])
