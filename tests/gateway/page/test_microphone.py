"""A microphone that is taken away while somebody speaks."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.gateway.page.browser import Visit, needs_chromium, visit
from translate_svc.gateway.server import GatewayServer

pytestmark = [pytest.mark.timeout(400), needs_chromium]

KEEP = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => (window.microphone = await ask(wanted));
"""


async def speaking(page: Visit) -> None:
    await page.page.add_init_script(KEEP)
    await page.page.reload()
    await page.at("#speak").click()
    await expect(page.at("#meter")).to_have_attribute("title", re.compile(r"\d\.\d s"))


async def unplug(page: Visit) -> None:
    """What a browser does when the device has gone: the track has ended, and says so."""
    await page.page.evaluate(
        "microphone.getTracks().forEach((one) => { one.stop(); one.dispatchEvent(new Event('ended')); })"
    )


async def test_who_speaks_on_is_told_that_nobody_listens(server: GatewayServer) -> None:
    async with visit(server.target, permissions=["microphone"]) as page:
        await speaking(page)
        await unplug(page)
        await page.finished()
        await expect(page.at("#problem")).to_contain_text("The microphone was unplugged")
        assert not page.problems
