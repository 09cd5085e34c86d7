"""What to train, as frozen data. Knows keys, defaults and refusals; knows no torch, dataset or event."""

from truscore.configuration.errors import InvalidConfig
from truscore.configuration.recipe import Recipe
from truscore.configuration.run_id import run_id_for
from truscore.configuration.text import config_of, flat_parameters, recipe_from_json, recipe_to_json
from truscore.recipes.batch_size import FoundBatch
from truscore.recipes.cpu_processes import CpuProcesses, cpu_processes
from truscore.recipes.hindrance import hindrance_of
from truscore.recipes.placement import pretrained_key, processes_for, published_name
from truscore.recipes.resolve import primary_metric_of, resolve

__all__ = [
    "CpuProcesses",
    "FoundBatch",
    "InvalidConfig",
    "Recipe",
    "config_of",
    "cpu_processes",
    "flat_parameters",
    "hindrance_of",
    "pretrained_key",
    "primary_metric_of",
    "processes_for",
    "published_name",
    "recipe_from_json",
    "recipe_to_json",
    "resolve",
    "run_id_for",
]
