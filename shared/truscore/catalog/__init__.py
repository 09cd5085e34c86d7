"""What can be trained, as data: rows, networks, plug-ins. No torch; knows no recipe and builds nothing."""

from truscore.catalog.table import (
    EXPERIMENTAL,
    NOT_YET,
    ROWS,
    Row,
    architectures,
    categories,
    network_of,
    options,
    plug_in_of,
    row_of,
    rows,
)

__all__ = [
    "EXPERIMENTAL",
    "NOT_YET",
    "ROWS",
    "Row",
    "architectures",
    "categories",
    "network_of",
    "options",
    "plug_in_of",
    "row_of",
    "rows",
]
