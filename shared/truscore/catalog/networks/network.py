"""What is known of a network without building it: one row per ``base_architecture``. No torch."""

from dataclasses import dataclass

from truscore.catalog.networks.configs import NetworkConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedWeights:
    """Weights that fit a network, under the ``name`` that ``architecture_config.pretrained_weights`` takes.

    ``torchvision`` is torchvision's own name of them; empty where a site has to mirror the file itself.
    """

    name: str
    torchvision: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One ``base_architecture``.

    ``parameters`` are counted with two outputs; ``image_size`` is the longer side, in pixels, that it is made for;
    ``pyramid`` and ``head`` say whether those keys of custom_modifications have something to change in it; ``solver``
    is what it is trained by, "adamw" or "sgd"; ``activation_bytes_per_pixel`` is what one pixel of its input keeps for
    the gradient, None where nobody measured it; ``config`` is what its builder builds, None for a plug-in's.
    """

    name: str
    implementation: str  # library and class
    licence: str  # SPDX, of the implementation
    parameters: int
    image_size: int
    weights: tuple[PublishedWeights, ...] = ()
    pyramid: bool = False
    head: bool = False
    solver: str = "adamw"
    activation_bytes_per_pixel: int | None = None
    config: NetworkConfig | None = None

    @property
    def pretrained(self) -> tuple[str, ...]:
        """Names of the weights that are published for it."""
        return tuple(weights.name for weights in self.weights)


def imagenet(torchvision: str) -> PublishedWeights:
    """ImageNet's weights of a torchvision network. The first version of each, which is what its detectors and
    segmenters start from: a later one would be other weights under the same name."""
    return PublishedWeights(name="imagenet", torchvision=f"{torchvision}_Weights.IMAGENET1K_V1")
