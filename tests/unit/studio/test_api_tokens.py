"""Tokens of programs: what one may do, who makes and revokes it, and what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from services.studio.access import Role
from services.studio.access.api_tokens import MOST_OF_OWNER
from tests.unit.studio.studio_harness import BORDERS, ORIGIN, Browser, browser, client_of
from tests.unit.studio.test_accounts import another, bytes_of_database, recorded, set_up


async def make(who: httpx.AsyncClient, role: str = "annotator", **more: Any) -> str:
    answer = await who.post("/api/account/tokens", json={"label": "nightly <b>", "role": role, "days": 7} | more)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


def program(one: Browser, token: str) -> httpx.AsyncClient:
    """Something that is no browser: it says neither where it comes from, nor has cookies."""
    return client_of(one.application, {"Authorization": f"Bearer {token}"})


async def test_a_program_does_by_token_what_its_role_may(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, program(one, await make(one.http)) as caller:
        made = await caller.post("/api/datasets", json={"dataset_id": "cards", **BORDERS})
        assert made.status_code == 201, made.text
        assert one.studio.drafts.get("cards").created_by == "ada"
        assert (await caller.delete("/api/datasets/cards")).status_code == 403
        assert recorded(one)[-1] == ("dataset.create", "cards", "ada")


async def test_the_token_is_shown_once_and_kept_as_a_digest(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        token = await make(one.http)
        page = (await one.http.get("/account")).text
        assert token not in page
        assert "nightly &lt;b&gt;" in page
        assert token not in str(one.events.published)
        assert [action for action, _, _ in recorded(one)][-1] == "token.create"
    assert token.encode() not in bytes_of_database(tmp_path)


@pytest.mark.parametrize(
    "asked",
    [
        {"role": "admin"},
        {"days": 0},
        {"days": 367},
        {"days": True},
        {"label": " "},
        {"label": "x" * 101},
        {"role": "x"},
    ],
)
async def test_a_token_above_its_owner_or_without_an_end_is_refused(tmp_path: Path, asked: dict[str, Any]) -> None:
    async with browser(tmp_path, role=Role.OPERATOR) as one:
        body = {"label": "x", "role": "reader", "days": 7} | asked
        answer = await one.http.post("/api/account/tokens", json=body)
        assert (answer.status_code, one.studio.tokens.list()) == (400, ())


async def test_a_token_makes_no_token_no_account_and_opens_no_page(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, program(one, await make(one.http, "admin")) as caller:
        answers = [
            await caller.post("/api/account/tokens", json={"label": "x", "role": "reader", "days": 7}),
            await caller.post("/api/accounts", json={"name": "x", "role": "admin"}),
            await caller.post("/api/account/password", json={"password": "a long one is this"}),
            await caller.get("/"),
            await caller.get("/accounts"),
        ]
        assert [each.status_code for each in answers] == [403] * 5


async def test_a_token_that_does_not_count_is_refused_whatever_cookies_come_with_it(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        for token in ("", "tss_guess", "a" * 10_000):
            answer = await one.http.get("/api/datasets/x/images", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, token[:10]


async def test_a_revoked_token_is_nobodys_and_is_revoked_by_its_owner_or_an_admin(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, another(one) as owner:
        await set_up(one, owner)
        for revoker, status in ((one.http, 200), (owner, 200)):
            async with program(one, await make(owner, "reader")) as caller:
                [token] = one.studio.tokens.list("grace")
                address = f"/api/account/tokens/{token.token_id}"
                assert (await caller.get("/api/datasets/none/images")).status_code == 404
                assert (await revoker.delete(address)).status_code == status
                assert (await caller.get("/api/datasets/none/images")).status_code == 401
        await make(one.http)
        [of_admin] = one.studio.tokens.list("ada")
        assert (await owner.delete(f"/api/account/tokens/{of_admin.token_id}")).status_code == 400
        assert one.studio.tokens.list("ada") == (of_admin,)


async def test_a_token_loses_what_its_owners_account_loses(tmp_path: Path) -> None:
    async with browser(tmp_path) as one, another(one) as owner:
        await set_up(one, owner, role="operator")
        async with program(one, await make(owner)) as caller:
            body = {"dataset_id": "x", **BORDERS}
            await one.http.patch("/api/accounts/grace", json={"role": "reader", "is_open": True})
            assert (await caller.post("/api/datasets", json=body)).status_code == 403
            await one.http.patch("/api/accounts/grace", json={"role": "reader", "is_open": False})
            assert (await caller.post("/api/datasets", json=body)).status_code == 401
            await one.http.delete("/api/accounts/grace")
            assert one.studio.tokens.list() == ()


async def test_tokens_of_an_owner_are_bounded(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        for _ in range(MOST_OF_OWNER):
            await make(one.http, "reader")
        answer = await one.http.post("/api/account/tokens", json={"label": "x", "role": "reader", "days": 7})
        assert (answer.status_code, "revoke one" in answer.json()["error"]) == (400, True)


async def test_a_websocket_takes_no_token(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        sent: list[Any] = []

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        given = {"host": "localhost", "authorization": f"Bearer {await make(one.http)}", "origin": ORIGIN}
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        scope = {"type": "websocket", "path": "/api/live", "headers": raw, "query_string": b"", "scheme": "ws"}
        await one.application(scope, receive, send)
        assert [(each["type"], each["code"]) for each in sent] == [("websocket.close", 1008)]
