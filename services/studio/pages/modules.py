"""Which modules a page's scripts import, so that browsers ask for all of them at once and not one after the other."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

WEB: Final = Path(__file__).parents[1] / "web"
SCRIPT: Final = re.compile(r'<script type="module" src="/web/([\w./-]+)">')
IMPORT: Final = re.compile(r'^(?:import|export)\b[^"\';]*?"(\.[^"]+)"', re.MULTILINE)
HEAD_ENDS: Final = "</head>"


def with_preloads(html: str) -> str:
    """The page, with a link for every module that its scripts will import (HTML, modulepreload)."""
    entries = SCRIPT.findall(html)
    wanted = dict.fromkeys(path for entry in entries for path in imported(entry) if path not in entries)
    links = "".join(f'  <link rel="modulepreload" href="/web/{path}">\n' for path in wanted)
    return html.replace(HEAD_ENDS, links + HEAD_ENDS, 1)


@cache
def imported(entry: str) -> tuple[str, ...]:
    """Paths below web/ of all that the module imports, and what that imports, each once."""
    found: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        path = WEB / waiting.pop()
        for relative in IMPORT.findall(path.read_text(encoding="utf-8")):
            name = (path.parent / relative).resolve().relative_to(WEB.resolve()).as_posix()
            if name not in found:
                found[name] = None
                waiting.append(name)
    return tuple(found)
