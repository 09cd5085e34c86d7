"""The page of the command line: what `--help` says of every command."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from services.cli.app import app

HEAD = """# The `truscore` command

What `--help` says. The command lies in `.venv/bin`; addresses come from the [settings](settings.md) or from
`.local/stack.env` in the folder or one above it. Every command that answers takes `--json`.
"""
WIDTH = 100


def page() -> str:
    root = get_command(app)
    return "\n".join([HEAD, *_sections(root, "truscore", None)])


def _sections(command: Any, name: str, parent: Any) -> Iterator[str]:
    """A section for the command and each below it; typer gives click's objects, which have no types of their own."""
    context = command.context_class(command, info_name=name, parent=parent, terminal_width=WIDTH)
    title = context.command_path
    yield f"## `{title}`\n\n```text\n{command.get_help(context).strip()}\n```\n"
    for below in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _sections(command.get_command(context, below), below, context)
