"""`truscore token`: tokens that open the gRPC services."""

import os
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, print_json

commands = typer.Typer(no_args_is_help=True, help="Tokens that open the gRPC services: make one.")


@commands.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, as the records call them.")],
    *,
    role: Annotated[str, typer.Option(help="What it lets them do: reader, operator or admin.")] = "reader",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="File of a server's tokens that its line is added to.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a random token, and the line that tells servers of it (TRUSCORE_GRPC_TOKENS), which has its SHA-256 alone.

    Nothing keeps the token itself. With --to it takes effect within a second where a server reads that file."""
    from truscore.access import new_token, role_named, token_line

    token = new_token()
    try:
        line = token_line(name, role_named(role), token)
    except ValueError as error:
        raise CliError(Code.USAGE, str(error)) from error
    if to is not None:
        _append(to, line)
    if as_json:
        print_json({"token": token, "line": line})
        return
    typer.echo(token)
    if to is None:
        typer.echo(f"the line for servers: {line}", err=True)


def _append(path: Path, line: str) -> None:
    """In one write, behind a line's end that a file made by hand may lack."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "rb+") as file:
            before = file.read()
            file.write(b"" if not before or before.endswith(b"\n") else b"\n")
            file.write(f"{line}\n".encode())
    except OSError as error:
        raise CliError(Code.USAGE, f"--to {path}: {error.strerror}") from error
