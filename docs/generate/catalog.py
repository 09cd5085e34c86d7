"""The page of the catalog: what can be trained, on which networks."""

from collections.abc import Iterator

from truscore.catalog.networks import NETWORKS, PublishedWeights
from truscore.catalog.table import ROWS

from docs.generate.tables import table

HEAD = """# Catalog

What can be trained, as `truscore catalog` lists it. Plug-ins ([how to](../how-to/add-a-plug-in.md)) add rows of the
category `experimental` where they are installed. [Configuration](configuration.md) has the keys and their defaults.
"""


def page() -> str:
    return "\n".join([HEAD, *_rows(), *_networks()]) + "\n"


def _rows() -> Iterator[str]:
    yield "## Architectures\n"
    yield "The first of an option is its default, and so are the first network and the first loss.\n"
    rows = [
        (
            row.category,
            row.option,
            f"`{row.architecture}`",
            row.task,
            ", ".join(f"`{name}`" for name in row.bases) or row.reason,
            ", ".join(f"`{name}`" for name in row.losses),
            ", ".join(f"`{name}`" for name in row.export_formats if row.available),
        )
        for row in ROWS
    ]
    yield from table(("category", "option", "architecture", "task", "networks", "losses", "exported as"), rows)


def _networks() -> Iterator[str]:
    yield "\n## Networks\n"
    yield "Parameters are counted with two outputs; the size is the longer side of the image in pixels. Weights with a"
    yield "package come with the extra `weights`; `truscore catalog --weights` says where each comes from.\n"
    rows = [
        (
            f"`{network.name}`",
            network.implementation,
            network.licence,
            f"{network.parameters / 1e6:.2f} million",
            str(network.image_size),
            ", ".join(_weights(weights) for weights in network.weights) or "none",
        )
        for network in NETWORKS.values()
    ]
    yield from table(("network", "implementation", "licence", "parameters", "image size", "published weights"), rows)


def _weights(weights: PublishedWeights) -> str:
    package = f" ({weights.licence}, package `{weights.package.distribution}`)" if weights.package else ""
    return f"`{weights.name}`{package}"
