"""Which task a row of the catalog is trained as."""

from collections.abc import Callable, Mapping
from typing import Any

from truscore.datasets import ImageRecord
from truscore.zoo.catalog import row_of

from services.trainer.rundir import Order
from services.trainer.tasks import detection, grading, instance_segmentation, semantic_segmentation
from services.trainer.tasks.protocol import Task

Maker = Callable[[Order, tuple[ImageRecord, ...], int], Task[Any, Any]]

# By the task of the catalog's row. A maker takes the order, the images to judge by, and the bytes it may keep loaded.
MAKERS: Mapping[str, Maker] = {
    "detection": detection.make,
    "instance_segmentation": instance_segmentation.make,
    "ordinal_classification": grading.make,
    "semantic_segmentation": semantic_segmentation.make,
}


def make_task(order: Order, *, judged: tuple[ImageRecord, ...], cache_limit_bytes: int = 0) -> Task[Any, Any]:
    """The order's task, judged by a part of its images."""
    recipe = order.recipe
    row = row_of(recipe.category, recipe.option, recipe.architecture)
    return MAKERS[row.task](order, judged, cache_limit_bytes)
