"""Published weights that come as ordinary Python packages (the extra ``weights``). Knows what is installed; imports
none of it, and no torch."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from truscore.catalog.networks import NETWORKS, PackagedFile
from truscore.catalog.table import network_of

EXTRA = "weights"


def packaged(base: str, name: str) -> PackagedFile | None:
    """The packaged file of a network's published weights; None where no package has any."""
    return next((weights.package for weights in network_of(base).weights if weights.name == name), None)


def installed_file(file: PackagedFile) -> Path | None:
    """Where the file lies; None where its package is not installed. Nobody has looked into it yet."""
    try:
        path = Path(str(distribution(file.distribution).locate_file(file.path)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def at_hand(base: str, name: str) -> bool:
    """Whether a package that is installed here has the weights."""
    file = packaged(base, name)
    return file is not None and installed_file(file) is not None


def installed_weights() -> frozenset[tuple[str, str]]:
    """Networks, and the names of their weights that installed packages have."""
    named = [(network.name, name) for network in NETWORKS.values() for name in network.pretrained]
    return frozenset(pair for pair in named if at_hand(*pair))
