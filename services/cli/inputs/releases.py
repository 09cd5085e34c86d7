"""The release of a run or model: where it is kept, how it is fetched, and its failures in the words of a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli.context import CliError, Code, CommandContext, store_explained

if TYPE_CHECKING:
    from truscore.releases import Fetched, Place
    from truscore.releases.fetching import Progress
    from truscore.storage import Store
    from truscore.storage.signing import Verifier

ACCEPTED = "accepted: a run, an order, DATASET/VERSION, a model, or MODEL@VERSION"
MOST_VERSIONS = 100_000
# Whoever answers so may have known; somebody else may know as well.
SAYS_NOTHING = (Code.UNREACHABLE, Code.TIMED_OUT, Code.DENIED)


def verifier_of(ctx: CommandContext) -> "Verifier":
    """What checks signatures with the trusted keys. CliError where a key is none."""
    from truscore.storage.signing import InvalidKey, Verifier

    try:
        return Verifier(ctx.addresses.trusted_keys, what="release")
    except InvalidKey as error:
        raise CliError(Code.USAGE, f"TRUSCORE_MODEL_TRUSTED_KEYS: {error}") from error


@contextmanager
def release_explained() -> Iterator[None]:
    """What goes wrong with a release, its files and their store, as CliError."""
    from truscore.releases import InvalidManifest, NotVerified, UnknownFormat

    try:
        with store_explained():
            yield
    except (NotVerified, InvalidManifest) as error:
        raise CliError(Code.NOT_VERIFIED, f"refused: {error}") from error
    except UnknownFormat as error:
        raise CliError(Code.USAGE, f"--format: {error}") from error
    except OSError as error:
        raise CliError(Code.FAILED, str(error)) from error


def fetched_release(ctx: CommandContext, reference: str, *, formats: list[str], to: Path | None) -> "Fetched":
    """The release of a run or model on this disk. Raises CliError."""
    from truscore.releases import fetch_release

    verifier, store = verifier_of(ctx), ctx.store()
    with release_explained():
        place = place_of(ctx, store, reference)
        folder = to if to is not None else Path(place.model_id) / place.version
        with _progress(ctx) as progress:
            return fetch_release(store, place, folder, verifier=verifier, formats=formats, progress=progress)


@contextmanager
def _progress(ctx: CommandContext) -> Iterator["Progress"]:
    """A bar for each file, on a terminal only."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=ctx.side, transient=True, disable=not ctx.side.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done)

        yield report


def place_of(ctx: CommandContext, store: "Store", reference: str) -> "Place":
    """Where the release lies: looked up with the monitor, the experiment tracker and the store, in this order.

    Whichever of the two services is away, does not let us in or is not configured is left out. CliError: NOT_FOUND, or
    why a service did not answer that may have known.
    """
    from truscore.releases.aliases import ALIASES

    model_id, at, version = reference.partition("@")
    if version in ALIASES:
        version = _version_of(ctx, model_id, version)
    if at:
        return _kept(ctx.addresses.bucket, model_id, version)
    away: list[CliError] = []
    for find in (_in_monitor, _in_tracker):
        try:
            if place := find(ctx, reference):
                return place
        except CliError as error:
            if error.code not in SAYS_NOTHING:
                raise
            away.append(error)
    if place := _in_store(ctx, store, reference):
        return place
    if away:
        raise CliError(away[0].code, f"{reference!r} is not in the store, and {away[0]}")
    raise CliError(Code.NOT_FOUND, f"no exported model of {reference!r} is known; {ACCEPTED}")


def _version_of(ctx: CommandContext, model_id: str, alias: str) -> str:
    """The version of a model that has an alias now, as the tracker has it on record. CliError where none has."""
    from services.cli.handlers.experiments import traced

    for run in traced(ctx.endpoint("tracker")):
        named, _, version = run.model.partition("/")
        if named == model_id and alias in run.aliases:
            return version
    raise CliError(Code.NOT_FOUND, f"model {model_id!r} has no {alias}; see `truscore models list`")


def _kept(bucket: str, model_id: str, version: str) -> "Place":
    from truscore.releases import Place
    from truscore.storage import parse_uri

    with store_explained():
        uri = parse_uri(f"s3://{bucket}/models/{model_id}/{version}").uri
    return Place(uri=uri, model_id=model_id, version=version, announced={})


def _is_model(reference: str) -> bool:
    """Models are named category.option.architecture."""
    return reference.count(".") == 2 and "/" not in reference


def _in_monitor(ctx: CommandContext, reference: str) -> "Place | None":
    from services.cli.handlers.models import newest_of_monitor, of_monitor

    if not (monitor := ctx.endpoint_if_set("monitor")):
        return None
    return newest_of_monitor(monitor, reference) if _is_model(reference) else of_monitor(monitor, reference)


def _in_tracker(ctx: CommandContext, reference: str) -> "Place | None":
    from services.cli.handlers.models import newest_of_tracker, of_tracker

    if not (tracker := ctx.endpoint_if_set("tracker")):
        return None
    return newest_of_tracker(tracker, reference) if _is_model(reference) else of_tracker(tracker, reference)


def _in_store(ctx: CommandContext, store: "Store", reference: str) -> "Place | None":
    """By the names of the objects alone: models/<model>/<version>/manifest.json, where the version is the run."""
    bucket = ctx.addresses.bucket
    prefix = f"s3://{bucket}/models/"
    with store_explained():
        keys = [entry.uri.removeprefix(prefix).split("/") for entry in store.list(prefix, limit=MOST_VERSIONS)]
    found = [
        (key[0], key[1])
        for key in keys
        if len(key) == 3 and key[2] == "manifest.json" and reference in {key[0], key[1]}
    ]
    if len(found) > 1:
        versions = ", ".join(f"{model_id}@{version}" for model_id, version in sorted(found)[:8])
        raise CliError(
            Code.USAGE,
            f"{reference!r} has {len(found)} versions and no monitor says which is new; accepted: {versions}",
        )
    return _kept(bucket, *found[0]) if found else None
