"""`truscore backup`: a copy of broker, store and databases, and its way back into empty ones."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, CommandContext, context_of, print_json, store_explained

MANIFEST = "backup.json"
FORMAT = 1
Folder = Annotated[Path, typer.Argument(help="Folder of the backup.")]
Management = Annotated[
    str,
    typer.Option(help="Address of RabbitMQ's management, http://host:15672; its user is the one of TRUSCORE_AMQP_URL."),
]
Databases = Annotated[
    list[str], typer.Option("--sqlite", metavar="NAME=FILE", help="A SQLite database, such as studio=FILE.")
]
Folders = Annotated[
    list[str], typer.Option("--folder", metavar="NAME=FOLDER", help="A folder of files, such as mlflow=FOLDER.")
]

commands = typer.Typer(no_args_is_help=True, help="Copy broker, store and databases; put them back into empty ones.")


@commands.command()
def create(
    context: typer.Context,
    folder: Folder,
    management_url: Management,
    sqlite: Databases = [],  # noqa: B006
    folders: Folders = [],  # noqa: B006
    *,
    as_json: AsJson = False,
) -> None:
    """Copy what the system has by now, while it runs; into an empty folder, which holds secrets afterwards."""
    from services.cli.backup import files
    from services.cli.handlers.broker_backup import copy_broker

    ctx, databases, plain = context_of(context), _named(sqlite, "--sqlite"), _named(folders, "--folder")
    amqp_url, store, bucket = ctx.need("amqp_url"), ctx.store(), ctx.addresses.bucket
    if folder.exists() and any(folder.iterdir()):
        raise CliError(Code.USAGE, f"{folder} is not empty: name a new folder for each backup")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with _explained():
        # The log first: every object that it names was stored before, and so is in the copy of the store.
        counts = asyncio.run(copy_broker(amqp_url, management_url, folder))
        counts["objects"] = files.copy_objects(store, bucket, folder)
        for name, path in databases.items():
            files.copy_database(path, folder / "databases" / f"{name}.sqlite")
        for name, path in plain.items():
            files.copy_folder(path, folder / "folders" / f"{name}.tar.gz")
    about = {
        "format": FORMAT, "at": datetime.now(tz=UTC).isoformat(), "bucket": bucket, "counts": counts,
        "databases": sorted(databases), "folders": sorted(plain),
    }  # fmt: skip
    # Last: a folder without it is of a backup that was not finished.
    (folder / MANIFEST).write_text(json.dumps(about, indent=1))
    _show(ctx, about, as_json=as_json)


@commands.command()
def restore(
    context: typer.Context,
    folder: Folder,
    management_url: Management,
    sqlite: Databases = [],  # noqa: B006
    folders: Folders = [],  # noqa: B006
    *,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty broker, bucket and empty places, before services start; open orders are said again."""
    from services.cli.backup import files
    from services.cli.handlers.broker_backup import put_broker

    ctx, databases, plain = context_of(context), _named(sqlite, "--sqlite"), _named(folders, "--folder")
    about = _manifest(folder)
    for option, named, kept in (("--sqlite", databases, "databases"), ("--folder", plain, "folders")):
        if set(named) != set(about[kept]):
            names = ", ".join(about[kept]) or "none"
            raise CliError(Code.USAGE, f"{option} names {', '.join(named) or 'none'}; the backup has {names}")
    amqp_url, store, bucket = ctx.need("amqp_url"), ctx.store(), ctx.addresses.bucket
    if bucket != about["bucket"]:
        raise CliError(Code.USAGE, f"the bucket is {bucket!r}; events of this backup name {about['bucket']!r}")
    with _explained():
        # What events name is there before the events are.
        counts: dict[str, Any] = {"objects": files.put_objects(store, bucket, folder)}
        for name, path in databases.items():
            files.put_database(folder / "databases" / f"{name}.sqlite", path)
        for name, path in plain.items():
            files.put_folder(folder / "folders" / f"{name}.tar.gz", path)
        counts |= asyncio.run(put_broker(amqp_url, management_url, folder))
    _show(ctx, {"at": about["at"], "counts": counts}, as_json=as_json)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise CliError(Code.NOT_FOUND, f"{folder} holds no finished backup: {error}") from error
    if about.get("format") != FORMAT:
        raise CliError(Code.USAGE, f"{folder}: format {about.get('format')!r}; accepted is {FORMAT}")
    return about


def _named(given: list[str], option: str) -> dict[str, Path]:
    found = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not equals or not path or not name.isidentifier():
            raise CliError(Code.USAGE, f"{option} {each!r}; accepted is NAME=PATH, where NAME has letters and digits")
        found[name] = Path(path)
    return found


@contextmanager
def _explained() -> Iterator[None]:
    from services.cli.backup.broker import BrokerRefused
    from services.cli.backup.files import NotRestored

    try:
        with store_explained():
            yield
    except BrokerRefused as error:
        raise CliError(Code.UNREACHABLE, str(error)) from error
    except (NotRestored, OSError, sqlite3.Error) as error:
        raise CliError(Code.FAILED, str(error)) from error


def _show(ctx: CommandContext, about: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(about)
        return
    show: Callable[..., None] = ctx.screen.print
    for name, count in about["counts"].items():
        show(f"{name}: {count}", highlight=False)
