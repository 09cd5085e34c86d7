"""What of a recipe is in the way of a model file."""

from truscore.catalog import hindrance
from truscore.catalog.export_formats import Hindrance
from truscore.configuration.recipe import Recipe


def hindrance_of(recipe: Recipe, format: str) -> Hindrance | None:
    """What of the recipe's choices is in the way of a file of this format; None where nothing is."""
    return hindrance(
        category=recipe.category,
        base=recipe.architecture_config.base_architecture,
        head=recipe.architecture_config.custom_modifications.head_customization,
        sampling=recipe.sampling,
        format=format,
    )
