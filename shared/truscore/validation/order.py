"""Whether an order can be carried out at all, decided from its own words before anything is read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from truscore.catalog import architectures, export_formats, why_not_exported
from truscore.datasets import FORMATS
from truscore.recipes import InvalidConfig, Recipe, hindrance_of, resolve
from truscore.storage import InvalidUri, parse_uri
from truscore.validation.catalogue import BY_ID
from truscore.validation.rule import Finding, finding

MOST_CLASSES = 10_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_NAME_ACCEPTED = 'accepted are 1 to 128 letters, digits, ".", "_" and "-", beginning with a letter or digit'
_CATALOG_KEYS = {"category": "order.category", "option": "order.option", "architecture": "order.architecture"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetOrder:
    """What is to be validated, and trained afterwards unless `validation_only`."""

    dataset_id: str
    version: str
    uri: str
    format: str = ""
    category: str
    option: str
    architecture: str = ""
    overrides: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    export_formats: Sequence[str] = ()
    request_id: str = ""
    validation_only: bool = False
    class_names: Sequence[str] = ()
    priority: int = 0  # 0 to 9
    time_budget_s: float = 0.0  # of training; 0 for no bound

    @property
    def expected_architecture(self) -> str:
        """The architecture whose targets the dataset has to have; empty where those of any of the option will do.

        Objects under lights are of use to solvers without their normals, but not to the default network of an order.
        """
        if self.architecture or self.validation_only or self.category != "photometric_stereo":
            return self.architecture
        return next((row.architecture for row in architectures(self.category, self.option)), "")


def check_order(order: DatasetOrder, *, profile: str = "small") -> list[Finding]:
    """Why the order cannot be carried out; empty where it can."""
    return [finding(BY_ID[rule], message, location=key) for rule, key, message in _faults(order, profile)]


Fault = tuple[str, str, str]


def _faults(order: DatasetOrder, profile: str) -> Iterator[Fault]:
    yield from _names(order)
    yield from _address(order.uri)
    if order.format and order.format not in FORMATS:
        yield (
            "order.format",
            "format",
            f"format {order.format!r} is not read: accepted are {', '.join(FORMATS)} or none",
        )
    yield from _export_formats(order, _recipe_of(order, profile))
    yield from _classes(order.class_names)
    yield from _recipe(order, profile)


def _export_formats(order: DatasetOrder, recipe: Recipe | None) -> Iterator[Fault]:
    of_network = export_formats(order.category, order.option, order.architecture)
    hindered = {name: found for name in of_network if recipe and (found := hindrance_of(recipe, name))}
    made = tuple(name for name in of_network if name not in hindered)
    for name in dict.fromkeys(order.export_formats):
        if name not in made:
            architecture = repr(order.architecture[:64]) if order.architecture else "the default architecture"
            accepted = f"accepted are {', '.join(made)}, or none for {made[0]}"
            if found := hindered.get(name):
                architecture += f" with {found.choice}"
                accepted += f"; or {found.instead}"
                reason = found.reason
            else:
                reason = why_not_exported(order.category, order.option, order.architecture, name)
            # What is accepted stands before the reason: a long text is cut at its end.
            message = f"export format {name[:64]!r} is not made of {architecture}: {accepted}. Reason: {reason}"
            yield "order.export_format", "export_formats", message


def _recipe_of(order: DatasetOrder, profile: str) -> Recipe | None:
    """What would be trained; None where the recipe is refused, which another rule says."""
    try:
        return resolve(order.category, order.option, order.architecture, order.overrides, profile=profile)
    except InvalidConfig:
        return None


def _names(order: DatasetOrder) -> Iterator[Fault]:
    for key, value in (("dataset_id", order.dataset_id), ("version", order.version)):
        if not NAME.fullmatch(value):
            yield "order.dataset_id", key, f"{key} {value[:150]!r} is no safe name: {_NAME_ACCEPTED}"
    if len(order.request_id) > 200 or not (order.request_id.isprintable() or not order.request_id):
        message = f"request_id {order.request_id[:150]!r} is not accepted: at most 200 printable characters"
        yield "order.request_id", "request_id", message


def _address(uri: str) -> Iterator[Fault]:
    accepted = 'accepted is "s3://bucket/prefix/"'
    try:
        address = parse_uri(uri)
    except InvalidUri as error:
        yield "order.uri", "uri", f"{error}; {accepted}"
        return
    if not address.key.strip("/"):
        yield "order.uri", "uri", f"uri {uri!r} names a whole bucket: {accepted}"


def _classes(names: Sequence[str]) -> Iterator[Fault]:
    if len(names) > MOST_CLASSES:
        yield "order.class_names", "class_names", f"{len(names)} class names: accepted are up to {MOST_CLASSES}"
    elif any(not name.strip() for name in names):
        yield "order.class_names", "class_names", "a class name is empty: accepted are names with at least one letter"
    elif len(set(names)) < len(names):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        yield "order.class_names", "class_names", f"class names {', '.join(twice[:20])} are given more than once"


def _recipe(order: DatasetOrder, profile: str) -> Iterator[Fault]:
    try:
        resolve(order.category, order.option, order.architecture, order.overrides, profile=profile)
    except InvalidConfig as refusal:
        yield _CATALOG_KEYS.get(refusal.key, "order.config"), refusal.key, str(refusal)
