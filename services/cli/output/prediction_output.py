"""How predictions are given out: JSON lines, CSV rows, or a table for people."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from truscore.inference import Description, Prediction
    from truscore.inference.tables import Row

# Not in the table for people: what the drawing shows better, or the other columns say.
_HIDDEN = ("width", "height", "number", "area_px", "corner", "y1", "x2", "y2", "left_percent", "top_percent", "error")


class Sink(Protocol):
    """Takes pictures in their order."""

    def add(self, image: str, prediction: "Prediction") -> None: ...
    def add_error(self, image: str, message: str) -> None: ...
    def finish(self) -> None: ...


class Writer(Protocol):
    """As csv.writer makes them."""

    def writerow(self, row: list[Any], /) -> Any: ...


class JsonLines:
    """A line for each picture, at once."""

    def __init__(self, write: Callable[[Any], None], description: "Description") -> None:
        self._write = write
        self._model = {"model_id": description.model_id, "version": description.version, "task": description.task}

    def add(self, image: str, prediction: "Prediction") -> None:
        self._write({"image": image, **self._model, **prediction.document()})

    def add_error(self, image: str, message: str) -> None:
        self._write({"image": image, **self._model, "error": message})

    def finish(self) -> None:
        """Everything has been written."""


class Csv:
    """A header, and rows for each picture, at once."""

    def __init__(self, writer: Writer, description: "Description") -> None:
        from truscore.inference import columns_of

        self._writer, self._columns = writer, columns_of(description)
        writer.writerow(list(self._columns))

    def add(self, image: str, prediction: "Prediction") -> None:
        from truscore.inference import rows_of

        for row in rows_of(image, prediction):
            self._write(row)

    def add_error(self, image: str, message: str) -> None:
        from truscore.inference import error_row

        self._write(error_row(image, message))

    def finish(self) -> None:
        """Everything has been written."""

    def _write(self, row: "Row") -> None:
        self._writer.writerow([row.get(column, "") for column in self._columns])


class Screen:
    """A table, at the end."""

    def __init__(self, screen: "Console", description: "Description") -> None:
        from rich.table import Table
        from truscore.inference import columns_of

        self._screen = screen
        self._columns = [name for name in columns_of(description) if not name.startswith(_HIDDEN)]
        self._table = Table(box=None, header_style="bold")
        for name in self._columns:
            self._table.add_column({"x1": "box"}.get(name, name.replace("_", " ")), overflow="fold")

    def add(self, image: str, prediction: "Prediction") -> None:
        from truscore.inference import rows_of

        for number, row in enumerate(rows_of(image, prediction)):
            cells = [_shown(name, row) for name in self._columns]
            self._table.add_row("" if number else image, *cells[1:])

    def add_error(self, image: str, message: str) -> None:
        from rich.markup import escape

        self._table.add_row(image, f"[red]{escape(message)}[/red]")

    def finish(self) -> None:
        self._screen.print(self._table, highlight=False)


def _shown(name: str, row: "Row") -> str:
    value = row.get(name)
    if name == "x1" and value is not None:
        x1, y1, x2, y2 = (float(row[each] or 0) for each in ("x1", "y1", "x2", "y2"))
        return f"{x1:.1f}, {y1:.1f} to {x2:.1f}, {y2:.1f}"
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else str(value)
