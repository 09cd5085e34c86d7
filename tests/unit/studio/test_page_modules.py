"""Pages name every module that their scripts import, and files of the studio are served to whoever asks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.studio.pages.modules import WEB, imported, with_preloads
from tests.unit.studio.studio_harness import browser, png

ENTRIES = sorted(
    path.relative_to(WEB).as_posix() for folder in ("pages", "annotate") for path in (WEB / folder).glob("*.js")
)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_import_of_a_module_is_found(entry: str) -> None:
    # Without comments, whose imports are of types: no browser asks for them.
    text = re.sub(r"/\*.*?\*/", "", (WEB / entry).read_text(), flags=re.DOTALL)
    direct = {(WEB / entry).parent.joinpath(each).resolve() for each in re.findall(r'from "(\.[^"]+)"', text)}
    assert direct <= {(WEB / each).resolve() for each in imported(entry)}
    assert all((WEB / each).is_file() for each in imported(entry))


def test_a_page_without_modules_stays_as_it_is() -> None:
    assert with_preloads("<head></head><body>") == "<head></head><body>"


async def test_the_annotator_names_all_that_it_will_ask_for(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        await one.upload(png())
        page = (await one.http.get("/datasets/cards/annotate", follow_redirects=True)).text
        preloads = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)
        assert len(preloads) == len(set(preloads)) > 20
        async with one.stranger() as stranger:
            stranger.cookies.clear()
            assert {(await stranger.get(each)).status_code for each in preloads} == {200}


async def test_a_reader_sees_what_was_committed_and_waits_for_no_writer(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await one.make("before")
        database = one.studio.sessions._database
        with database.transaction() as rows:
            rows.execute("DELETE FROM drafts")
            assert [each.draft.dataset_id for each in one.studio.drafts.list()] == ["before"]
        assert one.studio.drafts.list() == ()
