"""A trained network beside trivial predictors, on the images that it was evaluated on."""

from collections.abc import Sequence
from typing import Any

from truscore.catalog import EXPERIMENTAL, row_of
from truscore.datasets import ImageRecord
from truscore.datasets.splitting.split import indivisible_groups
from truscore.metrics.comparison import Comparison
from truscore.metrics.comparison.compare import Predictor, compare
from truscore.recipes import Recipe

from services.trainer.worker.evaluate import Evaluation
from services.trainer.worker.tasks import Task


def compare_with_trivial(
    task: Task[Any, Any], evaluation: Evaluation, records: Sequence[ImageRecord], recipe: Recipe
) -> Comparison:
    """``records`` are those of the evaluated split. Takes no pass through the network."""
    results = sorted(evaluation.image_results, key=task.image_of)
    trivial = task.trivial(results)
    return compare(
        Predictor(metrics=evaluation.metrics, measure=task.measure(results)),
        {name: Predictor(metrics=task.metrics(each), measure=task.measure(each)) for name, each in trivial.items()},
        purpose_metrics=purpose_metrics_of(recipe),
        # What no split divides is one draw: images of one card go wrong together.
        groups=indivisible_groups([records[task.image_of(result)] for result in results]),
        seed=recipe.seed,
    )


def purpose_metrics_of(recipe: Recipe) -> tuple[str, ...]:
    """Those of the catalog's row; a plug-in says by its recipe what it is for."""
    if recipe.category == EXPERIMENTAL:
        return (recipe.primary_metric,)
    return row_of(recipe.category, recipe.option, recipe.architecture).purpose_metrics
