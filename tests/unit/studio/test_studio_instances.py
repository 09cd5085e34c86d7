"""Two instances of the studio on one PostgreSQL database: who edits at one is seen at the other, and an outage of the
database costs nobody an edit."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from truscore.storage import MemoryStore

from services.studio.access.guard import COOKIE
from services.studio.app import bring_back, create_database, uploading_of
from services.studio.backup.restoring import RestoreRefused
from services.studio.database import DatabaseAway, open_database
from services.studio.database.address import InvalidAddress, connect_options
from services.studio.database.link import Link
from services.studio.database.pool import AGAIN_S
from services.studio.drafts.files import LEFT_S, Files
from services.studio.drafts.journal import Batch, Journal, Saved
from tests.postgres_server import PostgresServer
from tests.unit.studio.studio_harness import ORIGIN, Browser, browser, new_decoder, png, settings_in
from tests.unit.studio.test_each_database import RECORD, drafts_in, put

SEEN_S = 5.0
MESSAGE = "the studio's database is away"


@dataclass(kw_only=True)
class Socket:
    """A browser's WebSocket, as the application has it."""

    said: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    heard: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def edit(self) -> dict[str, Any]:
        """The next that is told."""
        async with asyncio.timeout(SEEN_S):
            while True:
                message = await self.heard.get()
                if message["type"] == "websocket.send":
                    found: dict[str, Any] = json.loads(message["text"])["edit"]
                    return found


@asynccontextmanager
async def socket_of(one: Browser, image_id: int) -> AsyncIterator[Socket]:
    socket = Socket()
    cookie = f"{COOKIE}={one.http.cookies[COOKIE]}"
    headers = {"host": "localhost", "origin": ORIGIN, "sec-fetch-site": "same-origin", "cookie": cookie}
    scope = {
        "type": "websocket", "path": "/api/live", "raw_path": b"/api/live", "query_string": b"", "subprotocols": [],
        "scheme": "ws", "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    task = asyncio.create_task(one.application(scope, socket.said.get, socket.heard.put))
    socket.said.put_nowait({"type": "websocket.connect"})
    socket.said.put_nowait({"type": "websocket.receive", "text": json.dumps({"watch": [], "image": image_id})})
    yield socket
    socket.said.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await task


@asynccontextmanager
async def instances(folder: Path, url: str) -> AsyncIterator[tuple[Browser, Browser]]:
    """Two, on one folder."""
    decoder = new_decoder()
    async with (
        browser(folder, decoder=decoder, studio_storage_url=url) as one,
        browser(folder, decoder=decoder, studio_storage_url=url) as other,
    ):
        yield one, other
    await decoder.close()


async def save(one: Browser, base: int, identity: str) -> httpx.Response:
    body = {"base": base, "batch_id": f"batch-{identity}", "ops": [put(identity)]}
    return await one.http.post("/api/datasets/cards/images/1/operations", json=body)


async def test_an_edit_at_one_instance_is_told_at_the_other_and_is_there(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with instances(tmp_path, postgres.new_url()) as (one, other):
        await one.make()
        assert (await other.upload(png())).status_code == 201
        async with socket_of(other, 1) as socket:
            assert await socket.edit() == {"image_id": 1, "revision": None}
            assert (await save(one, 0, "a")).json() == {"revision": 1}
            assert await socket.edit() == {"image_id": 1, "revision": 1}
            missing = await other.http.get("/api/datasets/cards/images/1/operations", params={"since": 0})
            assert missing.json() == {"revision": 1, "missing": [[put("a")]]}
            stale = await save(other, 0, "b")
            assert (stale.status_code, stale.json()["revision"]) == (409, 1)
            # What is cached of the document is what the database has, whoever wrote it.
            assert (await save(other, 1, "b")).json() == {"revision": 2}
            assert await socket.edit() == {"image_id": 1, "revision": 2}
            assert (await save(one, 2, "c")).json() == {"revision": 3}
            document = (await other.http.get("/api/datasets/cards/images/1/document")).json()["document"]
            assert [each["id"] for each in document["shapes"]] == ["a", "b", "c"]
            assert await socket.edit() == {"image_id": 1, "revision": 3}
            postgres.break_connections()
            assert await socket.edit() == {"image_id": 1, "revision": None}  # something may have been missed
            assert (await save(one, 3, "d")).json() == {"revision": 4}
            assert await socket.edit() == {"image_id": 1, "revision": 4}


async def test_a_browser_is_told_where_the_studio_has_sqlite(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        await one.upload(png())
        async with socket_of(one, 1) as socket:
            assert (await socket.edit())["revision"] is None
            await save(one, 0, "a")
            assert (await socket.edit())["revision"] == 1
            refused = await one.http.get("/api/datasets/cards/images/1/operations", params={"since": "x"})
            assert refused.status_code == 400


async def test_a_server_that_is_away_is_said_and_edits_go_on_after_it(
    tmp_path: Path, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with browser(tmp_path, studio_storage_url=postgres.new_url()) as one:
        await one.make()
        await one.upload(png())
        assert (await save(one, 0, "a")).status_code == 200
        postgres.kill()
        try:
            answer = await save(one, 1, "b")
            assert (answer.status_code, MESSAGE in answer.json()["error"]) == (503, True)
            page = await one.http.get("/datasets/cards")
            assert (page.status_code, page.text[: len(MESSAGE)]) == (503, MESSAGE)
        finally:
            postgres.start()
        await asyncio.sleep(AGAIN_S)  # for which nobody tries to connect after an attempt that failed
        again = await save(one, 1, "b")
        assert again.json() == {"revision": 2}
    assert postgres.password not in caplog.text


def test_a_connection_that_breaks_within_a_transaction_takes_all_of_it_back(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    database = open_database(postgres.new_url(), tmp_path)
    store = drafts_in(database)
    with database.transaction() as kept:
        kept.execute("UPDATE drafts SET option = 'kept'")

    def broken() -> None:
        with database.transaction() as rows:
            rows.execute("DELETE FROM drafts")
            postgres.break_connections()
            rows.execute("SELECT 1")

    with pytest.raises(DatabaseAway):
        broken()
    assert len(store.list()) == 1
    database.close()


def test_a_document_that_was_not_committed_is_nobodys(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.new_url()
    mine, theirs = (open_database(url, tmp_path) for _ in range(2))
    image_id = drafts_in(mine).add_image("d", RECORD)
    journal, other = (Journal(each, clock=lambda: 1.0) for each in (mine, theirs))

    def batch(base: int, identity: str) -> Batch:
        return Batch(base=base, batch_id=identity, operations=[put(identity)])

    assert journal.save("d", image_id, batch(0, "first"), author="a") == Saved(revision=1)
    notify = mine.notify

    def break_before_the_commit(*given: Any) -> None:
        notify(*given)
        postgres.break_connections()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mine, "notify", break_before_the_commit)
        with pytest.raises(DatabaseAway):
            journal.save("d", image_id, batch(1, "lost"), author="a")
    assert other.save("d", image_id, batch(1, "theirs"), author="b") == Saved(revision=2)
    assert journal.save("d", image_id, batch(2, "mine"), author="a") == Saved(revision=3)
    assert list(journal.open("d", image_id)[1].shapes) == ["first", "theirs", "mine"]
    mine.close()
    theirs.close()


def test_a_server_that_stands_still_is_given_up(postgres: PostgresServer) -> None:
    link = Link(connect_options(postgres.new_url()))
    began = time.monotonic()
    with pytest.raises(DatabaseAway, match=r"no answer within 0\.3 s"):
        link.execute("SELECT pg_sleep(60)", answer_s=0.3)
    assert (link.is_closed, time.monotonic() - began < 30) == (True, True)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3cr3t@host:s3cr3t/name", "postgresql://ada:s3cr3t/x@host/name", "mysql://ada:s3cr3t@h/n",
        "postgresql://ada:s3cr3t@host", "postgresql://ada:5/s3cr3t@host/name", "postgresql://[s3cr3t/name",
        "postgresql://ada@host/name?s3cr3t",
    ],
)  # fmt: skip
def test_an_address_that_is_not_accepted_is_not_repeated(url: str) -> None:
    with pytest.raises(InvalidAddress) as refused:
        connect_options(url)
    assert "s3cr3t" not in f"{refused.value} {refused.value.__cause__}"


def test_an_address_is_taken_apart() -> None:
    assert connect_options(f"postgres://ada:{quote('@/: %', safe='')}@host:1/name")["password"] == "@/: %"
    assert connect_options("postgresql+psycopg2://ada:s3cr3t@host/name?sslmode=verify-full") == {
        "user": "ada", "password": "s3cr3t", "host": "host", "port": "5432", "dbname": "name", "sslmode": "verify-full",
    }  # fmt: skip


def test_a_server_that_refuses_is_named_without_the_password(
    postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = postgres.new_url().replace("/postgres?", "/nothing?")
    with pytest.raises(DatabaseAway) as away:
        open_database(url, Path()).create("CREATE TABLE IF NOT EXISTS x (y TEXT);")
    assert 'database "nothing" does not exist' in away.value.reason
    said = f"{away.value!r} {away.value.reason} {away.value.__cause__!r} {away.value.__context__!r} {caplog.text}"
    assert postgres.password not in said


def test_an_option_that_libpq_does_not_know_is_an_address_that_does_not_answer(postgres: PostgresServer) -> None:
    with pytest.raises(DatabaseAway) as away:
        Link({**connect_options(postgres.new_url()), "colour": "red"})
    assert "colour" in away.value.reason
    assert postgres.password not in away.value.reason


async def test_nothing_in_postgresql_is_uploaded_or_restored(tmp_path: Path, postgres: PostgresServer) -> None:
    settings = settings_in(tmp_path, studio_storage_url=postgres.new_url(), studio_upload_s=0.01)
    store, database = MemoryStore(), create_database(settings)
    drafts_in(database)
    async with uploading_of(settings, database, store):
        await asyncio.sleep(0.1)
    assert list(store.list("s3://truscore/studio/")) == []
    with pytest.raises(RestoreRefused, match="whose own backup"):
        bring_back(settings, generation="", only_list=False)
    database.close()


def test_an_instance_that_begins_leaves_the_files_of_others(tmp_path: Path) -> None:
    files = Files(root=tmp_path, is_shared=True)
    for name in ("old", "new"):
        (files.incoming / name).mkdir(parents=True)
    os.utime(files.incoming / "old", (0, time.time() - LEFT_S - 60))
    files.clear(files.incoming)
    assert [each.name for each in files.incoming.iterdir()] == ["new"]
    Files(root=tmp_path).clear(files.incoming)
    assert list(files.incoming.iterdir()) == []
