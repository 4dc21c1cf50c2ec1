"""The page with a Whisper checkpoint, which translates into English alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests.clips import DATA
from tests.gateway.page.browser import Visit, needs_chromium, visit
from tests.whisper_checkpoints import whisper_folder
from translate_svc.config import Settings
from translate_svc.gateway.server import GatewayServer
from translate_svc.service import Service

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400), needs_chromium]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def whisper() -> AsyncIterator[GatewayServer]:
    # its windows have three seconds
    settings = Settings(model=str(whisper_folder("tiny")), max_utterance_ms=3_000)
    async with Service.start(settings) as service, GatewayServer(service) as running:
        yield running


async def targets(page: Visit) -> list[str]:
    return [chip.strip() for chip in await page.at("#targets .chip").all_inner_texts()]


async def test_only_what_the_model_translates_into_is_offered(whisper: GatewayServer) -> None:
    async with visit(whisper.target) as page:
        await expect(page.at("#speak")).to_be_enabled()
        assert await page.at("#source").input_value() == "en"
        assert await targets(page) == ["English"], "what is said in English is written in English"
        await page.at("#source").select_option("es")
        assert await targets(page) == ["English"]
        await expect(page.page.get_by_role("combobox", name="Add a language")).to_have_count(0)
        await expect(page.at("#who")).to_be_hidden()
        await page.at("#file").set_input_files(DATA / "spa_1.flac")
        await page.at("#hurry").click()
        await page.finished()
        await expect(page.at("#problem")).to_be_hidden()
        assert await page.at("#captions > li").count() > 0
        await page.at("#source").select_option("en")
        assert await targets(page) == ["English"]


async def test_why_nothing_is_translated_is_said_and_the_session_ends(whisper: GatewayServer) -> None:
    async def as_if_all_were_translated(route: Route) -> None:
        response = await route.fetch()
        await route.fulfill(
            response=response,
            body=(await response.text()).replace('"translated": false', '"translated": true'),
        )

    async with visit(whisper.target) as page:
        await page.page.route("**/v1/models", as_if_all_were_translated)
        await page.page.reload()
        await expect(page.at("#speak")).to_be_enabled()
        assert await targets(page) == ["Spanish", "French"]
        await page.at("#file").set_input_files(DATA / "eng_1.flac")
        await page.finished()
        await expect(page.at("#problem")).to_contain_text("is written by this model only where it is")
        await page.page.unroute_all(behavior="ignoreErrors")
