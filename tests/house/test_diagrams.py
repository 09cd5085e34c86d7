"""Diagrams of README and docs can be drawn: a mistake in one shows its source in place of a picture."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MERMAID = REPOSITORY / "docs" / "assets" / "mermaid.tiny.js"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGE = """<script src="{library}"></script><pre id="said"></pre><script>
mermaid.initialize({{startOnLoad: false}});
(async () => {{
  for (const [number, text] of {diagrams}.entries()) {{
    try {{ await mermaid.render("d" + number, text); said.textContent += "drawn\\n"; }}
    catch (error) {{ said.textContent += (error + "").replaceAll("\\n", " ") + "\\n"; }}
  }}
}})();
</script>"""


def diagrams() -> dict[str, str]:
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    return {
        f"{page.relative_to(REPOSITORY)} {number}": text
        for page in pages
        for number, text in enumerate(re.findall(r"```mermaid\n(.*?)```", page.read_text(), re.DOTALL), start=1)
    }


def test_there_are_diagrams() -> None:
    assert any(name.startswith("README.md") for name in diagrams())


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: Debian has it as the package chromium")
def test_every_diagram_can_be_drawn(tmp_path: Path) -> None:
    known = diagrams()
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(library=MERMAID.as_uri(), diagrams=json.dumps(list(known.values()))))
    drawn = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    stated = re.search(r'<pre id="said">(.*?)</pre>', drawn.stdout, re.DOTALL)
    assert stated, drawn.stdout[:500]
    assert dict(zip(known, html.unescape(stated[1]).splitlines(), strict=True)) == dict.fromkeys(known, "drawn")
