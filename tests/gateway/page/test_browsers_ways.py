"""What browsers do to a page: they keep what another version left, withhold the clipboard, and go back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.gateway.page.browser import needs_chromium, started, visit
from translate_svc.gateway.server import GatewayServer

# the timeout counts the loading of the model and the start of a browser
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400), needs_chromium]

_COPIED = "document.addEventListener('copy', () => (window.copied = String(getSelection())))"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with started() as running:
        yield running


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("languages", "{"),
        ("languages", "null"),
        ("languages", '{"source": 5, "targets": "es"}'),
        ("languages", '{"source": "en", "targets": ["es", "es", null, "xx"]}'),
        ("talkers", "["),
        ("talkers", '{"two": false, "between": "en"}'),
    ],
)
async def test_choices_that_no_version_of_this_page_kept_are_forgotten(
    starter: GatewayServer, browser: Browser, name: str, kept: str
) -> None:
    async with visit(starter.target, browser=browser) as page:
        await page.page.evaluate(
            "([key, value]) => localStorage.setItem(key, value)", [f"translate-svc {name}", kept]
        )
        await page.page.reload()
        await expect(page.at("#speak")).to_be_enabled()
        chips = [chip.strip() for chip in await page.at("#targets .chip").all_inner_texts()]
        assert chips in (["Spanish"], ["Spanish", "French"])
        await expect(page.at("#problem")).to_be_hidden()


@pytest.mark.parametrize("clipboard", ["undefined", "{ writeText: () => Promise.reject(new Error('no')) }"])
async def test_a_program_is_copied_where_browsers_give_no_clipboard(
    starter: GatewayServer, browser: Browser, clipboard: str
) -> None:
    async with visit(starter.target, browser=browser) as page:
        given = f"Object.defineProperty(Navigator.prototype, 'clipboard', {{ get: () => ({clipboard}) }})"
        await page.page.add_init_script(f"{given}; {_COPIED}")
        await page.page.reload()
        await page.page.get_by_role("button", name="My wife will call").click()
        await page.at("#hurry").click()
        await page.finished()
        await page.at("#code summary").click()
        await page.page.get_by_role("tab", name="Command").click()
        await page.at("#copy").click()
        await expect(page.at("#copy")).to_have_text("Copied")
        assert "translate-svc translate said.wav --from en" in await page.page.evaluate("window.copied")
        assert not page.problems


async def test_who_comes_back_to_the_page_sees_what_the_box_says(
    starter: GatewayServer, browser: Browser
) -> None:
    async with visit(starter.target, browser=browser) as page:
        await expect(page.at("#speak")).to_be_enabled()
        await page.at("#show-drafts").check()
        await page.page.goto(f"{starter.target}/status")
        await page.page.go_back()
        await expect(page.at("#speak")).to_be_enabled()
        checked = await page.at("#show-drafts").is_checked()
        shown = "drafts" in (await page.at("#captions").get_attribute("class") or "").split()
        assert shown == checked


async def test_a_server_of_one_target_is_asked_for_one(starter: GatewayServer, browser: Browser) -> None:
    async def limited(route: Route) -> None:
        response = await route.fetch()
        body = await response.json()
        body["limits"]["max_targets"] = 1
        await route.fulfill(response=response, json=body)

    async with visit(starter.target, browser=browser) as page:
        await page.page.route("**/status.json", limited)
        for kept in ("{}", '{"source": "en", "targets": ["es", "de"]}'):
            await page.page.evaluate("kept => localStorage.setItem('translate-svc languages', kept)", kept)
            await page.page.reload()
            await expect(page.at("#speak")).to_be_enabled()
            assert [chip.strip() for chip in await page.at("#targets .chip").all_inner_texts()] == ["Spanish"]
        await page.page.unroute_all(behavior="ignoreErrors")
