"""How white a card's corners are, as a grade: an architecture from outside. What imports torch is in ``network``."""

from dataclasses import replace

from truscore.catalog.networks.network import Network
from truscore.catalog.plugins import PlugIn
from truscore.recipes import Recipe, resolve

__all__ = ["CORNER_WHITENING"]


def _recipe(category: str, option: str, architecture: str, profile: str) -> Recipe:
    """That of our graders, for a network of our own."""
    ordinal = resolve("corner_analysis", "quality_classification", "resnet", profile=profile)
    return replace(
        ordinal,
        category=category,
        option=option,
        architecture=architecture,
        architecture_config=replace(ordinal.architecture_config, base_architecture="example_whitening_cnn"),
        image_size=64,
    )


CORNER_WHITENING = PlugIn(
    option="corner_whitening",
    architecture="whitening_cnn",
    task="ordinal_classification",
    networks=(
        Network(
            name="example_whitening_cnn",
            implementation="three convolutions",
            licence="Apache-2.0",
            parameters=3809,
            image_size=64,
        ),
    ),
    recipe=_recipe,
    builder="example_architecture.network:build",
)
