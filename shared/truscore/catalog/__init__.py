"""What can be trained, as data: rows, networks, plug-ins. No torch; knows no recipe and builds nothing."""

from truscore.catalog.architecture import NOT_YET
from truscore.catalog.export_formats import hindrance
from truscore.catalog.table import (
    EXPERIMENTAL,
    EXPORT_FORMATS,
    ROWS,
    Row,
    architectures,
    categories,
    export_formats,
    network_of,
    options,
    plug_in_of,
    row_of,
    rows,
    why_not_exported,
)

__all__ = [
    "EXPERIMENTAL",
    "EXPORT_FORMATS",
    "NOT_YET",
    "ROWS",
    "Row",
    "architectures",
    "categories",
    "export_formats",
    "hindrance",
    "network_of",
    "options",
    "plug_in_of",
    "row_of",
    "rows",
    "why_not_exported",
]
