"""Pictures of what runs, for the README: `python -m docs.generate.terminal_pictures DATASET/VERSION`.

On the stack of `make up`: follows a run that is in training with `truscore watch` on a terminal of its own, keeps what
that showed last while it trained and at its end, and has a browser take MLflow's page of the run. Needs Chromium.
"""

import argparse
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

from deploy.local.addresses import from_env_file

REPOSITORY = Path(__file__).parents[2]
PICTURES = REPOSITORY / "docs/pictures"
TRUSCORE = Path(sys.executable).parent / "truscore"
COLUMNS, ROWS = 118, 40
PAINT_MS = 4000  # charts are drawn after their headings stand
# Between two pictures rich goes back to the first line of the one before, and clears it.
BETWEEN = re.compile(r"(?:\r?\x1b\[(?:1A|2K))+")
OTHER_CONTROL = re.compile(r"\x1b\[\?\d+[hl]|\r")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """What a terminal showed: one text with its colours for each time that it changed."""

    shown: tuple[str, ...]
    code: int


def recorded(argv: list[str]) -> Recording:
    """Run a command on a terminal of its own."""
    parent, child = pty.openpty()
    ioctl(child, TIOCSWINSZ, pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(argv, stdin=child, stdout=child, stderr=child, env=environment, cwd=REPOSITORY) as process:
        os.close(child)
        written = b"".join(_read(parent)).decode(errors="replace")
    os.close(parent)
    pictures = (OTHER_CONTROL.sub("", each).rstrip() for each in BETWEEN.split(written))
    return Recording(shown=tuple(each for each in pictures if each), code=process.returncode)


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # Linux says EIO once nobody has the other end open
            return
        if not chunk:
            return
        yield chunk


def draw(page: Page, command: str, shown: str, to: Path) -> None:
    """A terminal's text as a PNG."""
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text.from_ansi(f"$ {command}\n{shown}"))
    svg = console.export_svg(title=command)
    # The terminal's font is this machine's: nothing is fetched.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    page.set_content(f'<body style="margin: 0">{svg}</body>')
    page.locator("svg").first.screenshot(path=to)


def mlflow_page(page: Page, mlflow_url: str, run_name: str, folder: Path) -> None:
    """MLflow's own pages of the run, found by its name: what it is, its curves, its machine."""
    asked = page.context.request
    experiments = asked.post(f"{mlflow_url}/api/2.0/mlflow/experiments/search", data={"max_results": 100}).json()
    wanted = {
        "experiment_ids": [each["experiment_id"] for each in experiments["experiments"]],
        "filter": f"attributes.run_name = '{run_name}'",
    }
    (run,) = asked.post(f"{mlflow_url}/api/2.0/mlflow/runs/search", data=wanted).json()["runs"]
    info = run["info"]
    address = f"{mlflow_url}/#/experiments/{info['experiment_id']}/runs/{info['run_id']}"
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(address)
    page.get_by_text("Model training").first.click()  # what this browser is for; MLflow begins with language models
    page.get_by_label("Close").last.click()  # its assistant
    for name, path, search in (
        ("mlflow-run", "", ""),
        ("mlflow-curves", "/model-metrics", "^(train_loss|box_AP|mask_AP50)"),
    ):
        page.goto(f"{address}{path}")
        page.wait_for_timeout(PAINT_MS)
        if search:
            page.get_by_placeholder("Search metric charts").fill(search)
            page.wait_for_timeout(PAINT_MS)
        page.screenshot(path=folder / f"{name}.png")


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="DATASET/VERSION of a run in training")
    parser.add_argument("--to", type=Path, default=PICTURES, help="folder of the pictures")
    options = parser.parse_args()
    variables = from_env_file((REPOSITORY / ".local/stack.env").read_text())
    recording = recorded([str(TRUSCORE), "watch", options.run])
    training = [each for each in recording.shown if " to go" in each and "loss, steps" in each]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page(viewport={"width": 1500, "height": 1300})
        # Two thirds of the way: curves have begun, and there is something left to go.
        draw(page, f"truscore watch {options.run}", training[len(training) * 2 // 3], options.to / "watch.png")
        if run_name := re.search(r"run-[0-9a-f]{20}", recording.shown[-1]):
            mlflow_page(page, variables["TRUSCORE_MLFLOW_URL"], run_name[0], options.to)
        chromium.close()
    sys.exit(recording.code)


if __name__ == "__main__":
    main()
