"""Which page is made by what."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs.generate import catalog, commands, configuration, contract, formats, rules, settings

FOLDER: Final = Path(__file__).parents[1] / "reference"
NOTE: Final = "<!-- Generated from the code by `make reference`; edit the code. -->\n\n"
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "catalog.md": catalog.page,
    "commands.md": commands.page,
    "configuration.md": configuration.page,
    "events.md": contract.events_page,
    "formats.md": formats.page,
    "grpc.md": contract.api_page,
    "rules.md": rules.page,
    "settings.md": settings.page,
}


def text_of(name: str) -> str:
    """The page as the code gives it now."""
    return NOTE + PAGES[name]()
