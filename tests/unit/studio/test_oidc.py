"""Logging in by an OpenID Connect provider that runs as a process: who gets in with which role, and who does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from truscore.access.loopback import is_private_url

from services.studio.access import Role
from services.studio.app import create_oidc
from services.studio.database.sqlite import SqliteDatabase
from tests.unit.studio.oidc_provider import CLIENT, SECRET
from tests.unit.studio.studio_harness import ORIGIN, Browser, browser, client_of, settings_in

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a provider that ends with the tests."""
    command = [sys.executable, "-m", "tests.unit.studio.oidc_provider", "0"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def behaving(provider: str) -> Iterator[None]:
    yield
    httpx.get(f"{provider}/misbehave", trust_env=False)


def oidc_settings(issuer: str, **more: Any) -> dict[str, Any]:
    given = {
        "studio_oidc_issuer": issuer, "studio_oidc_client_id": CLIENT, "studio_oidc_client_secret": SECRET,
        "studio_oidc_roles": {"graders": "annotator", "chiefs": "admin"}, "studio_oidc_name": "Card Co",
    }  # fmt: skip
    return given | more


@asynccontextmanager
async def beside(provider: str, folder: Path, **more: Any) -> AsyncIterator[tuple[Browser, httpx.AsyncClient]]:
    """The studio, and a browser that has never been there."""
    async with browser(folder, role=None, **oidc_settings(provider, **more)) as one:
        async with client_of(one.application, {}) as stranger:
            yield one, stranger


async def misbehaving(provider: str, kind: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as outside:
        await outside.get(f"{provider}/misbehave", params={"as": kind})


async def asked(stranger: httpx.AsyncClient) -> str:
    """Where the provider sends the browser back to, as a path of the studio."""
    begun = await stranger.get("/login/oidc")
    assert begun.status_code == 303, begun.text
    async with httpx.AsyncClient(trust_env=False) as outside:
        sent_back = (await outside.get(begun.headers["location"])).headers["location"]
    assert sent_back.startswith(f"{ORIGIN}/login/oidc/callback?")
    return sent_back.removeprefix(ORIGIN)


async def test_somebody_whom_the_provider_knows_is_logged_in_with_the_role_of_their_group(
    provider: str, tmp_path: Path
) -> None:
    async with beside(provider, tmp_path) as (one, stranger):
        assert "Log in with Card Co" in (await stranger.get("/login")).text
        begun = await stranger.get("/login/oidc")
        query = parse_qs(urlsplit(begun.headers["location"]).query)
        assert (query["code_challenge_method"], query["response_type"]) == (["S256"], ["code"])
        assert len(query["code_challenge"][0]) == 43
        assert {"state", "nonce"} < query.keys()
        answer = await stranger.get(await asked(stranger))
        assert (answer.status_code, 'content="0;url=/"' in answer.text) == (200, True)
        cookies = [value.lower() for value in answer.headers.get_list("set-cookie")]
        assert any("httponly" in value and "samesite=strict" in value for value in cookies)
        assert "ada · annotator" in (await stranger.get("/")).text
        dump = "\n".join(one.studio.sessions._database._connection.iterdump())
        assert query["state"][0] not in dump  # its digest alone is kept


@pytest.mark.parametrize(
    "kind",
    [
        "issuer", "audience", "nonce", "no_nonce", "expired", "party", "hash", "unsigned", "shared_secret",
        "foreign_key", "expired_code", "endless_token", "packed_token",
    ],
)  # fmt: skip
async def test_a_token_that_does_not_hold_logs_nobody_in(kind: str, provider: str, tmp_path: Path) -> None:
    async with beside(provider, tmp_path) as (_, stranger):
        await misbehaving(provider, kind)
        answer = await stranger.get(await asked(stranger))
        assert (answer.status_code, "does not hold" in answer.text) == (403, True)
        assert (await stranger.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("kind", "words"),
    [("answering_issuer", "another issuer answered"), ("denied", "access_denied"), ("groups", "has a role here")],
)
async def test_answers_that_are_refused_say_why(kind: str, words: str, provider: str, tmp_path: Path) -> None:
    async with beside(provider, tmp_path) as (_, stranger):
        await misbehaving(provider, kind)
        answer = await stranger.get(await asked(stranger))
        assert (answer.status_code, words in answer.text) == (403, True)


async def test_a_provider_opens_no_local_account(provider: str, tmp_path: Path) -> None:
    async with beside(provider, tmp_path) as (one, stranger):
        one.studio.accounts.add("Ada", Role.ADMIN, by="chief")
        back = await stranger.get(await asked(stranger))
        assert (back.status_code, "local account" in back.text) == (403, True)
        assert (await stranger.get("/")).status_code == 303


async def test_without_a_group_somebody_has_the_default_role_where_one_is_set(provider: str, tmp_path: Path) -> None:
    async with beside(provider, tmp_path, studio_oidc_default_role="reader") as (_, stranger):
        await misbehaving(provider, "groups")
        assert (await stranger.get(await asked(stranger))).status_code == 200
        assert "ada · reader" in (await stranger.get("/")).text


async def test_an_answer_counts_once_and_in_the_browser_that_asked(provider: str, tmp_path: Path) -> None:
    async with beside(provider, tmp_path) as (one, stranger):
        path = await asked(stranger)
        async with client_of(one.application, {}) as attacker:
            # Somebody else's answer would log a victim in as the attacker, or the other way round.
            assert (await attacker.get(path)).status_code == 403
            own = await asked(attacker)
            attacker.cookies.set("truscore_studio_login", "made-up", path="/login/oidc")
            assert (await attacker.get(own)).status_code == 403
        kept = dict(stranger.cookies)
        assert (await stranger.get(path)).status_code == 200
        async with client_of(one.application, {}) as again:
            again.cookies.update(kept)
            assert "used already" in (await again.get(path)).text


async def test_a_verifier_of_another_login_is_refused_by_the_provider(provider: str, tmp_path: Path) -> None:
    async with beside(provider, tmp_path) as (one, stranger):
        path = await asked(stranger)
        with one.studio.sessions._database.transaction() as rows:
            rows.execute("UPDATE oidc_logins SET verifier = 'of-another-login-of-somebody-else-0123456789'")
        assert (await stranger.get(path)).status_code == 403


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("description", "another issuer"),
        ("plain_endpoint", "token_endpoint is no https"),
        ("endless", "does not answer as one does"),
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_used(
    kind: str, words: str, provider: str, tmp_path: Path
) -> None:
    async with beside(provider, tmp_path) as (_, stranger):
        await misbehaving(provider, kind)
        answer = await stranger.get("/login/oidc")
        assert (answer.status_code, words in answer.text) == (403, True)


async def test_a_provider_that_is_away_and_one_that_is_not_set_are_said(tmp_path: Path) -> None:
    async with beside("http://127.0.0.1:1", tmp_path) as (_, stranger):
        assert "try again later" in (await stranger.get("/login/oidc")).text
    async with browser(tmp_path, role=None) as one:
        assert (await one.http.get("/login/oidc")).status_code == 404
        assert "Log in with" not in (await one.http.get("/login")).text


def test_what_is_set_wrongly_is_named(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.sqlite")
    try:
        for given, words in (
            ({"studio_oidc_issuer": "http://issuer.example"}, "accepted: an https address"),
            ({"studio_oidc_roles": {"a": "king"}}, "accepted: reader, annotator"),
        ):
            settings = settings_in(tmp_path, **oidc_settings("https://issuer.example", **given))
            with pytest.raises(ValueError, match=words):
                create_oidc(settings, database)
    finally:
        database.close()
    assert [is_private_url(each) for each in ("https://a/b", "http://localhost:1/")] == [True, True]
    assert [is_private_url(each) for each in ("http://a/", "", "ftp://localhost/")] == [False, False, False]
