"""Which formats of an order are made, and which are refused: as the catalog has it."""

from truscore.catalog import export_formats, why_not_exported

from services.exporter.order import ExportOrder
from services.exporter.release import Refusal


def choose_formats(order: ExportOrder) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Accepted formats in the order of the request, and a refusal for every other one.

    The validator refuses an order for a format that can't be made; one that comes past it is refused here.
    """
    made = export_formats(order.category, order.option, order.architecture)
    wanted = tuple(dict.fromkeys(order.formats)) or made[:1]
    accepted = tuple(name for name in wanted if name in made)
    return accepted, tuple(_refuse(order, name, made) for name in wanted if name not in made)


def _refuse(order: ExportOrder, name: str, made: tuple[str, ...]) -> Refusal:
    reason = why_not_exported(order.category, order.option, order.architecture, name)
    message = f"export format {name!r} cannot be made ({reason}); accepted: {', '.join(made)}"
    return Refusal(format=name, code="unsupported_format", message=message)
