"""What is known of a network without building it."""

from collections.abc import Mapping
from dataclasses import dataclass

# (category, option, architecture) of the product's tables, and the networks it can be built on, its default first.
RowBases = Mapping[tuple[str, str, str], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One ``base_architecture``.

    ``parameters`` are counted with two outputs; ``image_size`` is the longer side, in pixels, that it is made for;
    ``pretrained`` names weights that fit it, as ``architecture_config.pretrained_weights`` takes them; ``pyramid`` and
    ``head`` say whether those keys of custom_modifications have something to change in it; ``solver`` is what it is
    trained by, "adamw" or "sgd".
    """

    name: str
    implementation: str  # library and class
    licence: str  # SPDX, of the implementation
    parameters: int
    image_size: int
    pretrained: tuple[str, ...] = ()
    pyramid: bool = False
    head: bool = False
    solver: str = "adamw"
