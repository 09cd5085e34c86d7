"""Who gets in: hosts, origins, logins, roles."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.studio.access import Role, same_origin
from services.studio.access.guard import host_name
from tests.unit.studio.studio_harness import ORIGIN, browser

SITE = {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}


async def test_a_foreign_host_is_refused_whatever_it_requests(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", ""):
            answer = await one.http.get("/", headers={"Host": host})
            assert answer.status_code == 421, host
        assert (await one.http.get("/", headers={"Host": "127.0.0.1:8080"})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_a_request_that_another_site_had_sent_changes_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        async with one.stranger(**headers) as stranger:
            assert (await stranger.delete("/api/datasets/cards")).status_code == 403
        assert [each.draft.dataset_id for each in one.studio.drafts.list()] == ["cards"]


async def test_who_is_not_logged_in_sees_the_login_page_and_no_data(tmp_path: Path) -> None:
    async with browser(tmp_path, role=None) as one:
        page = await one.http.get("/")
        assert (page.status_code, page.headers["location"]) == (303, "/login")
        assert (await one.http.get("/api/datasets/cards/images")).status_code == 401
        assert (await one.http.get("/login")).status_code == 200
        assert (await one.http.get("/healthz")).text == "ok\n"


async def test_a_login_link_counts_once(tmp_path: Path) -> None:
    async with browser(tmp_path, role=None) as one:
        token = one.studio.sessions.make_login_token(name="ada", role=Role.READER)
        assert (await one.http.post("/api/login", json={"token": token})).status_code == 200
        assert (await one.http.get("/")).status_code == 200
        again = await one.http.post("/api/login", json={"token": token})
        assert (again.status_code, "used" in again.json()["error"]) == (403, True)


async def test_the_cookie_is_kept_from_scripts_and_other_sites(tmp_path: Path) -> None:
    async with browser(tmp_path, role=None) as one:
        token = one.studio.sessions.make_login_token(name="ada", role=Role.READER)
        answer = await one.http.post("/api/login", json={"token": token})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie


async def test_after_logging_out_the_session_is_nobodys(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        cookies = dict(one.http.cookies)
        await one.http.post("/api/logout", json={})
        async with one.stranger(**SITE) as stranger:
            stranger.cookies.update(cookies)
            assert (await stranger.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("role", "created", "removed"),
    [(Role.READER, 403, 403), (Role.ANNOTATOR, 201, 403), (Role.OPERATOR, 201, 403), (Role.ADMIN, 201, 200)],
)
async def test_a_role_may_what_it_may(tmp_path: Path, role: Role, created: int, removed: int) -> None:
    async with browser(tmp_path) as one:
        await one.make("there")
        await one.log_in(role)
        body = {"dataset_id": "x", "category": "border_detection", "option": "single_class", "class_names": ["card"]}
        assert (await one.http.post("/api/datasets", json=body)).status_code == created
        assert (await one.http.delete("/api/datasets/there")).status_code == removed


async def test_every_answer_forbids_what_is_not_the_studios_own(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        for path in ("/", "/login", "/web/style/studio.css", "/api/datasets/none/images", "/nothing"):
            headers = (await one.http.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://evil.example"}, {"origin": ORIGIN, "sec-fetch-site": "cross-site"}]
)
async def test_a_websocket_that_another_site_opens_is_closed(tmp_path: Path, headers: dict[str, str]) -> None:
    async with browser(tmp_path) as one:
        sent: list[Any] = []

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        cookie = "; ".join(f"{name}={value}" for name, value in one.http.cookies.items())
        given = {"host": "localhost", "cookie": cookie, **headers}
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        scope = {"type": "websocket", "path": "/api/live", "headers": raw, "query_string": b"", "scheme": "ws"}
        await one.application(scope, receive, send)
        assert [(each["type"], each["code"]) for each in sent] == [("websocket.close", 1008)]


def test_no_page_has_a_script_or_style_of_its_own() -> None:
    templates = Path(__file__).parents[3] / "services/studio/templates"
    pages = list(templates.glob("*.html"))
    assert pages
    for page in pages:
        text = page.read_text()
        for script in text.split("<script")[1:]:
            assert script.startswith(
                (' type="module" src="/web/', ' defer src="/web/vendor/', ' type="application/json"')
            ), page.name
        assert "style=" not in text, page.name
        assert "|safe" not in text, page.name


@given(st.text(max_size=20), st.text(max_size=20))
def test_only_an_origin_of_the_very_host_is_the_same(origin: str, host: str) -> None:
    if same_origin({"origin": origin, "host": host}):
        assert host.lower() in origin.lower()


def test_the_name_of_a_host_is_read_without_its_port() -> None:
    assert [host_name(host) for host in ("a:1", "a", "[::1]:80", "[::1]")] == ["a", "a", "::1", "::1"]
