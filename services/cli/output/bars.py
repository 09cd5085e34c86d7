"""How far work on this machine is, as a bar; on a terminal only, and gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from truscore.validation import ValidationCallbacks

WORDS = {"reading": "reading images", "judging": "judging"}


@contextmanager
def progress_bar(console: Console) -> Iterator["ValidationCallbacks"]:
    """What the validation tells of its progress moves the bar."""
    from truscore.validation import ValidationCallbacks

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("listing files", total=None)

        def tell(stage: str, done: int, total: int) -> None:
            bar.update(task, description=WORDS.get(stage, stage), completed=done, total=total or None)

        yield ValidationCallbacks(on_progress=tell)
