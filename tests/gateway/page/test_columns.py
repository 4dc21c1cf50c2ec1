"""Languages that are chosen while somebody speaks: each text stays under the name of its own."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.gateway.page.browser import needs_chromium, visit
from translate_svc.gateway.server import GatewayServer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400), needs_chromium]


async def labels(row: Locator) -> list[str]:
    """The names of languages that a person sees above the texts of a row."""
    return await row.locator("p b:visible").all_inner_texts()


async def test_texts_of_languages_that_were_left_say_which_they_are(starter: GatewayServer) -> None:
    async with visit(starter.target, viewport={"width": 1200, "height": 900}) as page:
        first, second = (page.at("#captions li").nth(index) for index in range(2))
        await page.page.get_by_role("button", name="My wife will call").click()
        await expect(first).to_be_visible()
        assert not await labels(first), "the columns have names"
        await page.page.get_by_role("combobox", name="Add a language").select_option("de")
        await page.page.get_by_role("button", name="Do not translate into French").click()
        await page.finished()
        assert await page.at("#columns span").all_inner_texts() == ["English, as said", "Spanish", "German"]
        assert await labels(first) == ["English", "Spanish", "French"], "no German was asked for then"
        assert not await labels(second)
        spoken = await second.locator("p").evaluate_all("all => all.map(each => each.lang)")
        assert spoken == ["en", "es", "de"]
        tops = await first.locator("p").evaluate_all("all => all.map(each => each.offsetTop)")
        assert len(set(tops)) == 1, "they stand in one row"
        assert not page.problems


async def test_a_language_that_is_chosen_while_the_session_ends_holds_for_the_next(
    starter: GatewayServer,
) -> None:
    async with visit(starter.target) as page:
        await page.page.get_by_role("button", name="My wife will call").click()
        await expect(page.at("#captions li").first).to_be_visible()
        await page.page.evaluate("""() => {
          document.getElementById("stop").click();
          const source = document.getElementById("source");
          source.value = "fr";
          source.dispatchEvent(new Event("change"));
        }""")
        await page.finished()
        await expect(page.at("#problem")).to_be_hidden()
        assert await page.at("#source").input_value() == "fr"
