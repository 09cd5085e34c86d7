"""Accounts in a real browser: made by an admin, used by a password its owner set, and a program with a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.unit.studio.studio_harness import Browser

if TYPE_CHECKING:
    from playwright.async_api import Page

PASSWORD = "four plain words here"


async def test_from_a_new_account_to_a_program_of_its_owners(
    studio: tuple[Browser, str], open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    one, address = studio
    admin = (await open_context(address, login_token(one))).pages[0]
    await admin.get_by_role("link", name="Accounts").click()
    await admin.get_by_label("Name").fill("grace")
    await admin.locator("#role").select_option("operator")
    await admin.get_by_role("button", name="Create").click()
    await expect(admin.locator("#link")).to_contain_text("/login#")
    link = await admin.locator("#link").text_content()
    assert link is not None
    token = link.partition("#")[2]

    page = (await open_context(address, token)).pages[0]
    await page.get_by_role("link", name="grace · operator").click()
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Set it").click()
    await expect(page.get_by_label("Current password")).to_be_visible()
    await page.get_by_role("button", name="Log out").click()
    await page.wait_for_url("**/login")
    await keep_picture(page, "login", request)
    await log_in(page, "a wrong password")
    await expect(page.get_by_role("alert")).to_have_text("name or password is wrong")
    await log_in(page, PASSWORD)
    await page.wait_for_url(f"{address}/")

    await page.goto("/account")
    await page.get_by_label("What it is for").fill("nightly upload of <scans>")
    await page.locator("#role").select_option("annotator")
    await page.get_by_role("button", name="Make a token").click()
    await expect(page.locator("#secret")).to_contain_text("tss_")
    secret = await page.locator("#secret").text_content()
    await expect(page.locator("#role").locator("option")).to_have_text(["reader", "annotator", "operator"])
    await keep_picture(page, "account", request)
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {secret}"}) as program:
        assert (await program.get("/api/datasets/none/images")).status_code == 404
        await page.reload()
        await expect(page.locator("#tokens tbody tr")).to_contain_text("nightly upload of <scans>")
        assert str(secret) not in await page.content()
        await admin.reload()
        await admin.get_by_label("Name").fill("edsger")
        await keep_picture(admin, "accounts", request)
        await admin.get_by_role("button", name="Revoke nightly upload of <scans> of grace").click()
        await expect(admin.locator("#tokens tbody tr")).to_have_count(0)
        assert (await program.get("/api/datasets/none/images")).status_code == 401

    await admin.get_by_role("button", name="Close the account of grace").click()
    await expect(admin.locator("tr[data-name=grace]")).to_contain_text("closed")
    await page.goto("/account")
    await page.wait_for_url("**/login")
    await admin.get_by_role("button", name="Remove the account of grace").click()
    assert one.studio.accounts.find("grace") is not None, "the first click asks"
    await admin.get_by_role("button", name="Remove the account of grace").click()
    await expect(admin.get_by_role("heading", name="No accounts yet")).to_be_visible()


async def log_in(page: Page, password: str) -> None:
    await page.get_by_label("Name").fill("grace")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in").click()
