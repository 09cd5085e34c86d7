"""SQLite and PostgreSQL keep the same things in the same way."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest
from truscore.datasets.index.records import DatasetIndex, ImageRecord, Light

from services.studio.access.accounts import Accounts, InvalidAccount
from services.studio.access.api_tokens import ApiTokens
from services.studio.access.oidc_logins import OidcLogins, Pending
from services.studio.access.roles import Role
from services.studio.access.sessions import Sessions
from services.studio.agreement.comparisons import Comparisons
from services.studio.child.line_child import LineChild
from services.studio.database import Database, DatabaseAway
from services.studio.drafts.dataset import Draft, InvalidDraft, new_draft
from services.studio.drafts.document import Document
from services.studio.drafts.journal import Batch, Journal, Saved, Stale
from services.studio.drafts.readings import Readings
from services.studio.drafts.store import DraftStore, Duplicate, UnknownDraft, Version
from services.studio.publish.contents import VersionContents
from services.studio.publish.under_way import GONE_S, STOPPED, UnderWay

RECORD = ImageRecord(path="b.png", sha256="b" * 64, size_bytes=1, width=60, height=80)
VERSION = Version(
    dataset_id="d", version="v1", uri="s3://b/d/v1/", format="coco", notes="100 % of 'it'?", images=1, marks=2,
    state="writing", message="", at=1.5, author="ada",
)  # fmt: skip


def draft(dataset_id: str = "d", class_names: tuple[str, ...] = ("a", "é")) -> Draft:
    return new_draft(
        dataset_id=dataset_id, category="border_detection", option="single_class", architecture="",
        class_names=class_names, created_at=0.25, created_by="ada",
    )  # fmt: skip


def drafts_in(database: Database) -> DraftStore:
    store = DraftStore(database, clock=lambda: 1_800_000_000.123456, most_images=1000)
    store.add(draft())
    return store


def put(identity: str, label: int = 1) -> dict[str, object]:
    return {"op": "put", "shape": {"id": identity, "kind": "box", "label": label, "points": [1, 2, 30, 40]}}


def test_an_error_within_takes_all_of_a_transaction_back(database: Database) -> None:
    store = drafts_in(database)
    with suppress(ZeroDivisionError), database.transaction() as rows:
        rows.execute("DELETE FROM drafts")
        _ = 1 / 0
    with pytest.raises(UnknownDraft):
        store.remove("other")
    assert [each.draft for each in store.list()] == [draft()]


def test_a_reader_sees_one_moment_and_writes_nothing(database: Database) -> None:
    store = drafts_in(database)
    with database.reading() as rows:
        assert rows.execute("SELECT count(*) FROM drafts").fetchone()[0] == 1
        store.add(draft("second"))
        assert rows.execute("SELECT count(*) FROM drafts").fetchone()[0] == 1
    with pytest.raises((sqlite3.OperationalError, DatabaseAway)) as refused, database.reading() as rows:
        rows.execute("DELETE FROM drafts")
    assert re.search("read-?only", getattr(refused.value, "reason", str(refused.value)))
    assert len(store.list()) == 2


def test_a_column_is_added_once(database: Database) -> None:
    drafts_in(database)
    for _ in range(2):
        database.add_column("drafts", "colour", "TEXT NOT NULL DEFAULT 'red'")
    with database.reading() as rows:
        assert rows.execute("SELECT colour FROM drafts").fetchall() == [("red",)]


def test_drafts_images_and_versions_are_kept(database: Database) -> None:
    store = drafts_in(database)
    for name in ("D", "d"):
        with pytest.raises(InvalidDraft, match="is taken"):
            store.add(draft(name))
    lit = replace(RECORD, path="a.png", sha256="a" * 64, light=Light(object="o'1", direction=(0.0, 0.0, 1.0)))
    upper = replace(RECORD, path="Z.png", sha256="c" * 64)
    first, second, third = (store.add_image("d", each) for each in (RECORD, lit, upper))
    with pytest.raises(Duplicate):
        store.add_image("d", replace(RECORD, path="x.png"))
    # By code points: capitals come first, whatever the server's locale says.
    found = store.images("d")
    assert [(each.image_id, each.path, each.width) for each in found] == [
        (third, "Z.png", 60), (second, "a.png", 60), (first, "b.png", 60),
    ]  # fmt: skip
    assert (store.image("d", first), store.views("d", lit)) == (RECORD, ((second, lit),))
    assert store.contents("d")[1][0] == (upper, Document())
    store.put_version(VERSION)
    store.put_version(replace(VERSION, notes="again"))
    assert store.set_state("d", "v1", "failed", "why") == replace(VERSION, notes="again", state="failed", message="why")
    assert store.list()[0].images == 3
    assert (store.list()[0].version, store.get("d")) == ("v1", draft())
    store.set_classes("d", ("a", "é", "c"))
    store.remove_image("d", first)
    assert len(store.images("d")) == 2
    store.remove("d")
    assert store.list() == ()
    with pytest.raises(UnknownDraft):
        store.images("d")


def test_a_version_at_which_nobody_is_any_more_is_given_up(database: Database) -> None:
    store, now = drafts_in(database), [1000.0]
    under_way = UnderWay(database, clock=lambda: now[0])
    store.put_version(replace(VERSION, at=1000))
    store.put_version(replace(VERSION, version="v2", state="uploading", at=1000))
    store.put_version(replace(VERSION, version="v3", state="failed", message="why", at=1000))
    assert under_way.give_up() == (0 if database.is_shared else 2)
    store.put_version(replace(VERSION, at=1000))
    now[0] += GONE_S / 2
    under_way.say(replace(VERSION, version="v2"))
    under_way.say(replace(VERSION, version="v2"))
    under_way.say(replace(VERSION, version="gone"))
    now[0] += GONE_S / 2 + 1
    assert under_way.give_up() == 1
    expected = {"v1": ("failed", STOPPED), "v2": ("uploading", "") if database.is_shared else ("failed", STOPPED)}
    found = {each.version: (each.state, each.message) for each in store.versions("d")}
    assert found == {**expected, "v3": ("failed", "why")}
    store.remove("d")


def test_contents_and_comparisons_take_the_place_of_earlier_ones(database: Database) -> None:
    store = drafts_in(database)
    image_id = store.add_image("d", RECORD)
    contents, index = VersionContents(database), DatasetIndex(format="coco", class_names=("a",), images=(RECORD,))
    contents.keep("d", "v1", replace(index, class_names=()))
    contents.keep("d", "v2", index)
    assert contents.latest("d") == ("v2", index)
    comparisons = Comparisons(database, LineChild("services.studio.child.checking", timeout_s=1, memory_bytes=2**30))
    for found in ({"kappa": 0.5}, {"kappa": 1}):
        comparisons._keep((image_id, "ada", "bob"), "1 2", found)
    comparisons._keep((image_id + 1, "ada", "bob"), "1 2", {})  # its image is gone by now
    assert comparisons._known((image_id, "ada", "bob"), "1 2") == {"kappa": 1}
    assert comparisons._known((image_id, "ada", "bob"), "1 3") is None


def test_edits_of_the_shared_document_and_of_ones_own_are_kept_apart(database: Database) -> None:
    store = drafts_in(database)
    image_id = store.add_image("d", RECORD)
    journal, readings = Journal(database, clock=lambda: 1.0), Readings(database, clock=lambda: 1.0)
    journal.save("d", image_id, Batch(base=0, batch_id="x", operations=[put("s")]), author="b")
    for number in range(2):
        batch = Batch(base=number, batch_id=f"r{number}", operations=[put(f"own{number}")])
        assert readings.save("d", image_id, batch, annotator="ada") == Saved(revision=number + 1)
    assert list(journal.open("d", image_id)[1].shapes) == ["s"]
    assert list(readings.open("d", image_id, "ada")[1].shapes) == ["own0", "own1"]
    assert readings.open("d", image_id, "bob") == (0, Document())
    assert [each.annotator for each in readings.of_image("d", image_id)] == ["ada"]
    assert readings.images("d") == (image_id,)
    assert journal.authors(image_id) == ("b",)
    assert journal.since("d", image_id, 0) == Stale(revision=1, missing=((put("s"),),))
    assert journal.since("d", image_id, 1) == Stale(revision=1, missing=())
    store.remove_image("d", image_id)
    with pytest.raises(UnknownDraft):
        journal.open("d", image_id)


def test_what_is_kept_of_logins(database: Database) -> None:
    clock = count(1_800_000_000)
    sessions = Sessions(database, clock=lambda: next(clock), session_s=3600)
    accounts, tokens = Accounts(database, clock=time.time), ApiTokens(database, clock=lambda: next(clock))
    accounts.add("Ada", Role.ADMIN, by="link")
    accounts.add("bob", Role.READER, by="link")
    with pytest.raises(InvalidAccount, match="already"):
        accounts.add("aDA", Role.READER, by="link")
    assert [each.name for each in accounts.list()] == ["Ada", "bob"]
    accounts.set_password("ADA", "digest")
    assert accounts.digest_of("ada") == "digest"
    session = sessions.log_in(sessions.make_login_token(name="Ada", role=Role.ADMIN))
    assert session is not None
    token, made = tokens.make(owner="ada", role=Role.OPERATOR, label="ci", days=1, owner_role=Role.ADMIN)
    found = tokens.find(token)
    assert found is not None
    assert (found.role, tokens.list("ada")[0].used is None, tokens.list("bob")) == (Role.OPERATOR, False, ())
    accounts.change("ada", role=Role.READER, is_open=True)
    found = tokens.find(token)
    assert found is not None
    assert (found.role, sessions.find(session)) == (Role.READER, None)
    accounts.change("ada", role=Role.READER, is_open=False)
    assert (tokens.find(token), accounts.digest_of("ada")) == (None, None)
    accounts.remove("ADA")
    assert (tokens.list(), accounts.find("ada")) == ((), None)
    assert made.owner == "ada"
    logins, pending = OidcLogins(database, clock=time.time), Pending(nonce="n", verifier="v", redirect_uri="u")
    logins.put("state", pending)
    assert (logins.take("state"), logins.take("state")) == (pending, None)


def test_writers_at_the_same_time_make_every_revision_once_and_lose_nothing(
    database: Database, second_database: Database
) -> None:
    store = drafts_in(database)
    image_id = store.add_image("d", RECORD)
    journals = [Journal(each, clock=lambda: 1.0) for each in (database, second_database)]
    begin = threading.Barrier(4)

    def write(number: int) -> list[int]:
        journal, base, made = journals[number % 2], 0, []
        begin.wait()
        while len(made) < 5:
            batch = Batch(base=base, batch_id=f"{number}-{len(made)}", operations=[put(f"{number}-{len(made)}")])
            outcome = journal.save("d", image_id, batch, author=str(number))
            base = outcome.revision
            if isinstance(outcome, Saved):
                made.append(outcome.revision)
        return made

    with ThreadPoolExecutor(4) as threads:
        made = [revision for part in threads.map(write, range(4)) for revision in part]
    assert sorted(made) == list(range(1, 21))
    assert set(journals[0].open("d", image_id)[1].shapes) == {f"{n}-{k}" for n in range(4) for k in range(5)}
