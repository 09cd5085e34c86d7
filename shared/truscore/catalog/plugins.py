"""Architectures that other packages bring, found through Python's entry points. No torch here.

A package registers a ``PlugIn`` under the group ``truscore.architectures``. It has to import without torch: light
services list it. What needs torch is named by ``builder``, and imported when a network is built.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

from truscore.catalog.networks.network import Network
from truscore.configuration.recipe import PROFILES, Recipe
from truscore.configuration.text import recipe_from_json, recipe_to_json

GROUP = "truscore.architectures"
CATEGORY = "experimental"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_BUILDER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlugIn:
    """What a package brings: an architecture of an option of the category ``experimental``.

    ``task`` is one of the catalog's: it decides labels, losses, metrics and what the network has to answer.
    ``networks`` have their default first. ``recipe`` takes category, option, architecture and profile.
    ``builder`` is "package.module:function"; the function takes a recipe and the number of classes and gives a network
    as the builders of that task do.
    """

    option: str
    architecture: str
    task: str
    networks: tuple[Network, ...]
    recipe: Callable[[str, str, str, str], Recipe]
    builder: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredPlugIn:
    """An entry point; ``plug_in`` is None where it can't be loaded, ``reason`` says why it can't be used."""

    name: str
    package: str  # and its version
    plug_in: PlugIn | None = None
    reason: str = ""

    @property
    def option(self) -> str:
        return self.plug_in.option if self.plug_in else self.name

    @property
    def architecture(self) -> str:
        return self.plug_in.architecture if self.plug_in else self.name


def registered_plugins(tasks: Collection[str], taken: Collection[str]) -> tuple[RegisteredPlugIn, ...]:
    """Every registered architecture, by package and name; one that is broken is listed with its reason.

    ``tasks`` are those there are, ``taken`` the names of networks that are ours. Names clash by this rule: ours win
    against a plug-in's, and of plug-ins that bring the same architecture, or networks of one name, none is used, for
    which of them a run meant would depend on the machine it runs on.
    """
    points = sorted(entry_points(group=GROUP), key=lambda point: (_package(point), point.name))
    loaded = [_loaded(point, tasks, taken) for point in points]
    usable = [one.plug_in for one in loaded if one.plug_in and not one.reason]
    rows = Counter((each.option, each.architecture) for each in usable)
    networks = Counter(network.name for each in usable for network in each.networks)
    return tuple(_without_clash(one, loaded, rows, networks) for one in loaded)


def _loaded(point: EntryPoint, tasks: Collection[str], taken: Collection[str]) -> RegisteredPlugIn:
    registered = RegisteredPlugIn(name=point.name, package=_package(point))
    try:
        plug_in = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a stranger's code does, the rest goes on
        return replace(registered, reason=f"{registered.package} can't be imported: {_error_text(error)}")
    if not isinstance(plug_in, PlugIn):
        return replace(
            registered, reason=f"{registered.package}: {point.value} is {type(plug_in).__name__}, not a PlugIn"
        )
    faults = [*_faults(plug_in, tasks, taken)] or [*_recipe_faults(plug_in)]
    named = plug_in if _named(plug_in) else None
    return replace(registered, plug_in=named, reason=f"{registered.package}: {faults[0]}" if faults else "")


def _faults(plug_in: PlugIn, tasks: Collection[str], taken: Collection[str]) -> Iterator[str]:
    if not _named(plug_in):
        yield f"{plug_in.option!r}/{plug_in.architecture!r}: names are of small letters, digits and _"
    if plug_in.task not in tasks:
        yield f"task {plug_in.task!r}: accepted are {', '.join(tasks)}"
    if not plug_in.networks or not all(isinstance(network, Network) for network in plug_in.networks):
        yield "networks: at least one Network is needed"
    elif ours := [network.name for network in plug_in.networks if network.name in taken]:
        yield f"network {ours[0]!r}: the name is taken by one of the catalog's own"
    if not (isinstance(plug_in.builder, str) and _BUILDER.fullmatch(plug_in.builder)):
        yield f"builder {plug_in.builder!r}: expected package.module:function"


def _recipe_faults(plug_in: PlugIn) -> Iterator[str]:
    row = (CATEGORY, plug_in.option, plug_in.architecture)
    for profile in PROFILES:
        try:
            recipe = plug_in.recipe(*row, profile)
            whole = isinstance(recipe, Recipe) and recipe_from_json(recipe_to_json(recipe)) == recipe
        except (Exception, SystemExit) as error:  # noqa: BLE001  as above
            yield f"its {profile} recipe can't be made: {_error_text(error)}"
            continue
        if not whole:
            yield f"its {profile} recipe is no Recipe of plain values"
        elif (recipe.category, recipe.option, recipe.architecture) != row:
            yield f"its {profile} recipe is for another row of the catalog"
        elif recipe.architecture_config.base_architecture not in {network.name for network in plug_in.networks}:
            yield f"its {profile} recipe is for {recipe.architecture_config.base_architecture!r}, a network not its own"


def _without_clash(
    one: RegisteredPlugIn, loaded: list[RegisteredPlugIn], rows: Counter[tuple[str, str]], networks: Counter[str]
) -> RegisteredPlugIn:
    plug_in = one.plug_in
    if plug_in is None or one.reason:
        return one
    shared = {network.name for network in plug_in.networks if networks[network.name] > 1}
    if rows[plug_in.option, plug_in.architecture] < 2 and not shared:
        return one
    others = {
        other.package
        for other in loaded
        if other is not one
        and other.plug_in
        and (
            (other.option, other.architecture) == (one.option, one.architecture)
            or shared & {network.name for network in other.plug_in.networks}
        )
    }
    twice = rows[plug_in.option, plug_in.architecture] > 1
    what = f"{one.option}/{one.architecture}" if twice else f"network {min(shared)!r}"
    return replace(one, reason=f"{what} is brought by {', '.join(sorted({one.package, *others}))}: remove all but one")


def _named(plug_in: PlugIn) -> bool:
    names = (plug_in.option, plug_in.architecture)
    return all(isinstance(name, str) and bool(_NAME.fullmatch(name)) for name in names)


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"


def _error_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
