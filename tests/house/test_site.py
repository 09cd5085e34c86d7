"""The documentation builds as a site without a warning, loads nothing from elsewhere, and has no dead link."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.house.documents import REPOSITORY, links

LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
BUILD_TIMEOUT_S = 120


class Loading(HTMLParser):
    """What a browser fetches for a page from another host."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(LOADED.get(tag, "")) or ""
        if re.match(r"(?:https?:)?//", address) and dict(attrs).get("rel") != "canonical":
            self.elsewhere.append(address)


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """`zensical build --strict` as `make docs` runs it."""
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the documentation, so that a build leaves the work tree alone."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copy(REPOSITORY / "mkdocs.yml", folder)
    shutil.copytree(REPOSITORY / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def site(source: Path) -> Path:
    built = build(source)
    assert built.returncode == 0, built.stdout + built.stderr
    return source / ".local" / "site"


def test_the_site_has_every_page_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > len(list((REPOSITORY / "docs").rglob("*.md"))) - 1
    for page in pages:
        loading = Loading()
        loading.feed(page.read_text(encoding="utf-8"))
        assert loading.elsewhere == [], page.name


def test_the_diagrams_are_drawn_by_a_script_of_the_site(site: Path) -> None:
    page = (site / "explanation" / "architecture.html").read_text(encoding="utf-8")
    assert 'class="mermaid"' in page
    assert "assets/mermaid.tiny.js" in page
    assert (site / "assets" / "mermaid.tiny.js").stat().st_size > 1_000_000


def test_the_generators_are_no_part_of_the_site(site: Path) -> None:
    assert list(site.rglob("*.py")) == []


@pytest.mark.parametrize(
    "link", ["[a page](no-such-page.md)", "[a section](tutorial.md#no-such-section)", "[here](#gone)"]
)
def test_a_dead_link_fails_the_build(link: str, tmp_path: Path) -> None:
    (tmp_path / "mkdocs.yml").write_text("site_name: One\nsite_dir: site\ntheme:\n  name: material\n  font: false\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "tutorial.md").write_text("# A tutorial\n")
    (tmp_path / "docs" / "index.md").write_text("# A page\n\n[good](tutorial.md)\n")
    good = build(tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    (tmp_path / "docs" / "index.md").write_text(f"# A page\n\n{link}\n")
    assert build(tmp_path).returncode != 0


def test_every_page_stands_in_the_navigation() -> None:
    text = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"^ +- [^:\n]+: (\S+\.md)$", text, re.MULTILINE))
    docs = REPOSITORY / "docs"
    written = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    decisions = {name for name in written if re.fullmatch(r"decisions/\d{4}-.*\.md", name)}
    assert sorted(written - decisions - named) == [], "add the page to `nav` in mkdocs.yml"
    assert sorted(named - written) == [], "mkdocs.yml names pages that are not there"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_of_a_page_outside_the_site_leads_somewhere(name: str) -> None:
    """The site's own pages are held by the strict build."""
    dead = [link for link in links(REPOSITORY / name) if not link.leads_somewhere]
    assert dead == []
