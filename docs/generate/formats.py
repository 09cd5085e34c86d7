"""The page of the formats: which files can be made of which networks."""

from collections.abc import Iterator

from truscore.catalog.export_formats import FORMATS, HEAD_REASONS, SAMPLING_REASONS, why_not
from truscore.catalog.networks import NETWORKS

from docs.generate.tables import table

HEAD = """# Export formats

Which files the exporter can make of which networks, as `truscore catalog --formats` lists it. An order for any other
pair is refused before anything is read, with the reason. [What a file has to pass](../using-a-model.md) before it is
announced is the same for all.
"""


def page() -> str:
    return "\n".join([HEAD, *_formats(), *_matrix(), *_reasons(), *_heads(), *_samplings()]) + "\n"


def _formats() -> Iterator[str]:
    yield "## Formats\n"
    yield "The first is made where an order names none.\n"
    rows = [
        (f"`{each.name}`", each.meaning, each.precision, each.runtime, "yes" if each.calibrated else "no")
        for each in FORMATS.values()
    ]
    yield from table(("format", "what it is", "precision", "loaded by", "needs training images"), rows)


def _matrix() -> Iterator[str]:
    yield "\n## Networks\n"
    rows = [
        (f"`{network.name}`", *("no" if why_not(network, name) else "yes" for name in FORMATS))
        for network in NETWORKS.values()
    ]
    yield from table(("network", *(f"`{name}`" for name in FORMATS)), rows)


def _reasons() -> Iterator[str]:
    yield "\n## Why not\n"
    found: dict[tuple[str, str], list[str]] = {}
    for network in NETWORKS.values():
        for name in FORMATS:
            if reason := why_not(network, name):
                found.setdefault((name, reason), []).append(network.name)
    rows = [
        (f"`{name}`", reason, ", ".join(f"`{network}`" for network in networks))
        for (name, reason), networks in found.items()
    ]
    yield from table(("format", "reason", "networks"), rows)


def _heads() -> Iterator[str]:
    yield "\n## Heads\n"
    yield "What a head adds may be in the way of a file that the network has without it. `standard` is never.\n"
    rows = [(category, f"`{head}`", f"`{name}`", reason) for (category, head, name), reason in HEAD_REASONS.items()]
    yield from table(("category", "`head_customization`", "not made", "reason"), rows)


def _samplings() -> Iterator[str]:
    yield "\n## Sampling\n"
    yield "Nor can every file hold a network of windows, which goes over a picture tile by tile.\n"
    rows = [(f"`{sampling}`", f"`{name}`", reason) for (sampling, name), reason in SAMPLING_REASONS.items()]
    yield from table(("`sampling`", "not made", "reason"), rows)
