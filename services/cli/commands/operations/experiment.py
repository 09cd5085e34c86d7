"""`truscore experiment`: a run with its events, record and objects as one file, for audit."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, CommandContext, context_of, print_json, store_explained

EVENTS, RECORD = "events.jsonl", "experiment.json"
SMALL_BYTES = 64 << 20
Archive = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, a tar.")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to read the event log for.")]

commands = typer.Typer(no_args_is_help=True, help="Export a run for audit, verify such a file, import it elsewhere.")


@commands.command("export")
def export_experiment(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run, by its id.")],
    to: Annotated[Path, typer.Option("--to", help="File to write.")],
    everything: Annotated[bool, typer.Option("--all", help="With objects of more than 64 MiB, too.")] = False,
    *,
    timeout_s: Timeout = 600.0,
    as_json: AsJson = False,
) -> None:
    """Write one file with a run's events, its record and its objects; the same run gives the same bytes."""
    from truscore.events import CONTRACT_VERSION

    from services.cli.archive.objects import fetched_objects
    from services.cli.archive.tar_file import Manifest, member_of, write_archive
    from services.cli.handlers.archived_events import copied_events, write_events
    from services.cli.handlers.event_log import references
    from services.cli.handlers.experiments import on_record

    ctx = context_of(context)
    amqp_url, tracker, store = ctx.need("amqp_url"), ctx.endpoint("tracker"), ctx.store()
    with _explained(), TemporaryDirectory(prefix="truscore-") as scratch:
        folder = Path(scratch)
        events = copied_events(amqp_url, run_id, deadline_s=timeout_s)
        if not events:
            raise CliError(Code.NOT_FOUND, f"the event log has nothing of {run_id!r}; accepted is a run's id")
        write_events(folder / EVENTS, (entry for entry, _ in events))
        record = json.dumps(on_record(tracker, run_id), indent=1, sort_keys=True) + "\n"
        (folder / RECORD).write_text(record, encoding="utf-8")
        named = {uri: (sha256, size) for _, event in events for uri, sha256, size in references(event)}
        reports = [getattr(event, "report_uri", "") for _, event in events if hasattr(event, "best_checkpoint")]
        report_uri = next(filter(None, reversed(reports)), "")
        most_bytes = None if everything else SMALL_BYTES
        paths, members, left_out = fetched_objects(store, named, report_uri, folder, most_bytes=most_bytes)
        paths |= {EVENTS: folder / EVENTS, RECORD: folder / RECORD}
        members += [member_of(EVENTS, paths[EVENTS]), member_of(RECORD, paths[RECORD])]
        manifest = Manifest(run_id=run_id, contract=CONTRACT_VERSION, members=tuple(members), left_out=tuple(left_out))
        sha256 = write_archive(to, manifest, paths)
    _show(ctx, _summary(run_id, sha256, len(events), members, left_out), as_json=as_json)


@commands.command("verify")
def verify_experiment(context: typer.Context, file: Archive, as_json: AsJson = False) -> None:
    """Check every file of an archive against its digests, and every event against the contract."""
    with _explained(), TemporaryDirectory(prefix="truscore-") as scratch:
        summary, _ = _verified(file, Path(scratch))
    _show(context_of(context), summary, as_json=as_json)


@commands.command("import")
def import_experiment(
    context: typer.Context, file: Archive, timeout_s: Timeout = 600.0, as_json: AsJson = False
) -> None:
    """Put what an archive has, and this installation has not, into its store and event log.

    Monitor and tracker take the run from the log; no service takes it for an order. The user of the broker needs the
    right to bind the log's stream: an administrator's, with the tag impersonator.
    """
    from services.cli.archive.objects import put_objects
    from services.cli.handlers.archived_events import restored_events

    ctx = context_of(context)
    amqp_url, store, bucket = ctx.need("amqp_url"), ctx.store(), ctx.addresses.bucket
    with _explained(), TemporaryDirectory(prefix="truscore-") as scratch:
        folder = Path(scratch)
        summary, (manifest, entries) = _verified(file, folder)
        # What events name is there before the events are.
        summary["objects_put"] = put_objects(store, bucket, manifest.members, folder)
        put = restored_events(amqp_url, entries, manifest.run_id, deadline_s=timeout_s)
        summary["events_put"] = put["events"]
    _show(ctx, summary, as_json=as_json)


def _verified(file: Path, folder: Path) -> tuple[dict[str, Any], tuple[Any, list[Any]]]:
    from truscore.files import sha256_of

    from services.cli.archive.tar_file import ArchiveRefused, read_archive
    from services.cli.handlers.archived_events import read_events

    manifest = read_archive(file, folder)
    if not {EVENTS, RECORD} <= {member.name for member in manifest.members}:
        raise ArchiveRefused(f"{file} has no {EVENTS} or no {RECORD}")
    entries = read_events(folder / EVENTS, manifest.run_id)
    summary = _summary(manifest.run_id, sha256_of(file), len(entries), list(manifest.members), list(manifest.left_out))
    return summary, (manifest, entries)


def _summary(run_id: str, sha256: str, events: int, members: list[Any], left_out: list[Any]) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "sha256": sha256,
        "events": events,
        "objects": sum(bool(member.uri) for member in members),
        "left_out": [member.uri for member in left_out],
    }


@contextmanager
def _explained() -> Iterator[None]:
    from services.cli.archive.tar_file import ArchiveRefused
    from services.cli.backup.broker import BrokerRefused

    try:
        with store_explained():
            yield
    except BrokerRefused as error:
        raise CliError(Code.UNREACHABLE, str(error)) from error
    except ArchiveRefused as error:
        raise CliError(Code.NOT_VERIFIED, f"refused: {error}") from error
    except OSError as error:
        raise CliError(Code.FAILED, str(error)) from error


def _show(ctx: CommandContext, summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    for name, value in summary.items():
        ctx.screen.print(f"{name}: {', '.join(value) or 'none' if isinstance(value, list) else value}", highlight=False)
