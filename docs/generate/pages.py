"""Which page is made by what."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs.generate import configuration, settings

FOLDER: Final = Path(__file__).parents[1] / "reference"
NOTE: Final = "<!-- Generated from the code by `make reference`; edit the code. -->\n\n"
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "configuration.md": configuration.page,
    "settings.md": settings.page,
}


def text_of(name: str) -> str:
    """The page as the code gives it now."""
    return NOTE + PAGES[name]()
