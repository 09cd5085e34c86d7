"""Local accounts: who sets a password, who logs in by it, and what ends with an account."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx
import pytest
from truscore.bus import BusUnavailable
from truscore.events.v1.control_pb2 import ActionRecorded

from services.studio.access import Role
from services.studio.access.passwords import MOST_FAILURES, MOST_NAMES, WINDOW_S, Attempts, Passwords, TooManyAttempts
from services.studio.database.sqlite import SqliteDatabase
from tests.unit.studio.studio_harness import ORIGIN, Browser, browser, client_of

PASSWORD = "four plain words here"


def another(one: Browser) -> httpx.AsyncClient:
    """A browser of somebody else, before the same studio."""
    return client_of(one.application, {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"})


async def add(one: Browser, name: str = "grace", role: str = "annotator") -> str:
    """The token of the link by which the account's owner logs in first."""
    answer = await one.http.post("/api/accounts", json={"name": name, "role": role})
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["link"].partition("#")[2]
    return token


async def set_up(one: Browser, owner: httpx.AsyncClient, name: str = "grace", role: str = "annotator") -> None:
    """An account whose owner has set a password."""
    token = await add(one, name, role)
    assert (await owner.post("/api/login", json={"token": token})).status_code == 200
    answer = await owner.post("/api/account/password", json={"password": PASSWORD})
    assert answer.status_code == 200, answer.text


async def by_password(who: httpx.AsyncClient, password: str = PASSWORD, name: str = "grace") -> httpx.Response:
    return await who.post("/api/login/password", json={"name": name, "password": password})


def bytes_of_database(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("studio.sqlite*"))


def recorded(one: Browser) -> list[tuple[str, str, str]]:
    said = [event for event, *_ in one.events.published if isinstance(event, ActionRecorded)]
    return [(each.action, each.subject, each.requested_by) for each in said]


async def test_who_sets_a_password_by_a_link_logs_in_by_it_in_any_case_of_the_name(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, another(one) as owner, another(one) as later:
        await set_up(one, owner)
        assert (await owner.get("/account")).status_code == 200, "who set it stays logged in"
        answer = await by_password(later, name="GRACE")
        assert answer.status_code == 200, answer.text
        assert "grace · annotator" in (await later.get("/")).text
        assert recorded(one) == [
            ("login.link", "ada", "ada"), ("account.create", "grace", "ada"), ("login.link", "grace", "grace"),
            ("account.password", "grace", "grace"), ("login.password", "grace", "grace"),
        ]  # fmt: skip
        assert PASSWORD not in str(one.events.published)


async def test_passwords_are_kept_as_argon2id_alone(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, another(one) as owner:
        await set_up(one, owner)
        digest = one.studio.accounts.digest_of("grace")
        assert digest is not None
        assert digest.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD.encode() not in bytes_of_database(tmp_path)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "grace grace 1 and more", "x" * 257])
async def test_a_password_that_is_easily_guessed_is_refused_with_what_is_accepted(
    tmp_path: Path, password: str
) -> None:
    async with browser(tmp_path) as one, another(one) as owner:
        await owner.post("/api/login", json={"token": await add(one)})
        answer = await owner.post("/api/account/password", json={"password": password})
        assert (answer.status_code, "accepted" in answer.json()["error"]) == (400, True)


async def test_a_wrong_name_and_a_wrong_password_are_told_apart_by_nothing(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, another(one) as owner:
        await set_up(one, owner)
        await add(one, "new")
        answers = [await by_password(owner, "something else"), await by_password(owner, name="nobody"),
                   await by_password(owner, name="new")]  # fmt: skip
        assert [(each.status_code, each.text) for each in answers] == [(403, answers[0].text)] * 3


async def test_a_name_that_is_guessed_at_is_closed_for_a_while_and_no_other(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, another(one) as owner, another(one) as guesser:
        await set_up(one, owner)
        for _ in range(MOST_FAILURES):
            assert (await by_password(guesser, "wrong password")).status_code == 403
        refused = await by_password(guesser, name="Grace")
        assert (refused.status_code, 0 < int(refused.headers["retry-after"]) <= WINDOW_S) == (429, True)
        assert (await by_password(guesser, name="nobody")).status_code == 403
        link = (await one.http.post("/api/accounts/grace/link", json={})).json()["link"]
        assert (await guesser.post("/api/login", json={"token": link.partition("#")[2]})).status_code == 200


def test_attempts_count_for_a_quarter_of_an_hour_and_names_are_bounded() -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(MOST_FAILURES):
        attempts.begin("ada")
    with pytest.raises(TooManyAttempts, match="15 min"):
        attempts.begin("Ada")
    now[0] = WINDOW_S
    attempts.begin("ada")
    attempts.forget("ada")
    for number in range(MOST_NAMES + 5):
        attempts.begin(str(number))
    assert len(attempts._failures) == MOST_NAMES


async def test_a_password_is_changed_by_who_knows_it_and_ends_every_other_session(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, another(one) as owner, another(one) as thief:
        await set_up(one, owner)
        await by_password(thief)
        wrong = await owner.post("/api/account/password", json={"current": "no", "password": "five other plain words"})
        assert wrong.status_code == 403
        body = {"current": PASSWORD, "password": "five other plain words"}
        assert (await owner.post("/api/account/password", json=body)).status_code == 200
        assert (await thief.get("/account")).status_code == 303
        assert (await owner.get("/account")).status_code == 200
        assert (await by_password(thief)).status_code == 403


@pytest.mark.parametrize("change", [{"role": "reader", "is_open": True}, {"role": "annotator", "is_open": False}, None])
async def test_rights_that_are_taken_away_end_sessions_and_links(
    tmp_path: Path, change: dict[str, object] | None
) -> None:
    async with browser(tmp_path) as one, another(one) as owner:
        await set_up(one, owner)
        link = (await one.http.post("/api/accounts/grace/link", json={})).json()["link"].partition("#")[2]
        address = "/api/accounts/grace"
        done = await (one.http.patch(address, json=change) if change else one.http.delete(address))
        assert done.status_code == 200, done.text
        assert (await owner.get("/api/datasets/none/images")).status_code == 401
        assert (await owner.post("/api/login", json={"token": link})).status_code == 403
        expected = 200 if change and change["is_open"] else 403
        assert (await by_password(owner)).status_code == expected


@pytest.mark.parametrize("role", [Role.READER, Role.ANNOTATOR, Role.OPERATOR])
async def test_only_admins_manage_accounts(tmp_path: Path, role: Role) -> None:
    async with browser(tmp_path) as one:
        await add(one)
        await one.log_in(role)
        body = {"role": "admin", "is_open": True}
        answers = [
            await one.http.post("/api/accounts", json={"name": "x", "role": "admin"}),
            await one.http.patch("/api/accounts/grace", json=body),
            await one.http.post("/api/accounts/grace/link", json={}),
            await one.http.delete("/api/accounts/grace"),
            await one.http.get("/accounts"),
        ]
        assert [each.status_code for each in answers] == [403] * 5


async def test_nobody_takes_their_own_account_away(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await add(one, "ada", "admin")
        assert (await one.http.delete("/api/accounts/ADA")).status_code == 400
        answer = await one.http.patch("/api/accounts/ada", json={"role": "reader", "is_open": True})
        assert answer.status_code == 400


@pytest.mark.parametrize("name", ["", "a b", "<b>", "x" * 65, "a/b", "ünal"])
async def test_a_name_that_would_be_misread_is_refused(tmp_path: Path, name: str) -> None:
    async with browser(tmp_path) as one:
        answer = await one.http.post("/api/accounts", json={"name": name, "role": "reader"})
        assert (answer.status_code, "accepted" in answer.json()["error"]) == (400, True)


async def test_what_cannot_be_put_on_record_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with browser(tmp_path) as one:
        await one.make()

        async def away(*_: object, **__: object) -> str:
            raise BusUnavailable("the broker is away")

        monkeypatch.setattr(one.events, "publish", away)
        answers = [
            await one.http.post("/api/accounts", json={"name": "grace", "role": "admin"}),
            await one.http.post("/api/account/tokens", json={"label": "x", "role": "reader", "days": 1}),
            await one.http.delete("/api/datasets/cards"),
        ]
        assert [each.status_code for each in answers] == [503] * 3
        assert (one.studio.accounts.list(), one.studio.tokens.list()) == ((), ())
        assert len(one.studio.drafts.list()) == 1
        await one.log_in()  # nobody is kept out


async def test_a_digest_of_older_parameters_is_made_anew_at_the_next_login(tmp_path: Path) -> None:
    from argon2 import PasswordHasher

    async with browser(tmp_path) as one, another(one) as owner:
        await set_up(one, owner)
        one.studio.accounts.renew_digest("grace", PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD))
        assert (await by_password(owner)).status_code == 200
        digest = one.studio.accounts.digest_of("grace")
        assert digest is not None
        assert not Passwords().is_outdated(digest)


async def test_sessions_of_the_release_before_go_on(tmp_path: Path) -> None:
    with closing(SqliteDatabase(tmp_path / "studio.sqlite")) as database:
        database.create(
            "CREATE TABLE sessions (digest TEXT PRIMARY KEY, name TEXT NOT NULL, role INTEGER NOT NULL,"
            " expires REAL NOT NULL)"
        )
    async with browser(tmp_path) as one:
        assert (await one.http.get("/account")).status_code == 200
