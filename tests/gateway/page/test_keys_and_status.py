"""The page of a server with API keys, and the page of its operator."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.async_api import FilePayload, expect

from tests.fakes.model_free_service import ModelFreeService
from tests.gateway.clients import connect, tone
from tests.gateway.page.browser import needs_chromium, visit
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.access.monotonic_date import MonotonicDate
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.types import Caller, Samples

pytestmark = [pytest.mark.timeout(200), needs_chromium]


def _wav(samples: Samples) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, samples, 24_000, subtype="PCM_16", format="WAV")
    return data.getvalue()


SPOKEN: FilePayload = {"name": "tone.wav", "mimeType": "audio/wav", "buffer": _wav(tone(1.0))}


@pytest.mark.parametrize("kind", ["API key", "client secret"])
async def test_the_key_is_asked_for_once(service: ModelFreeService, tmp_path: Path, kind: str) -> None:
    key = new_key()
    (tmp_path / "keys").write_text(key_line("alice", key))
    keys, secrets = ApiKeys(tmp_path / "keys"), ClientSecrets()
    if kind == "client secret":
        key, _ = secrets.seal(Caller("alice"), {}, 600)
    async with (
        GatewayServer(service, GatewayOptions(), callers=Callers(keys), secrets=secrets) as server,
        visit(server.target, axe=True) as page,
    ):
        field = page.page.get_by_role("textbox", name="API key or client secret")
        await field.fill("wrong")
        await page.page.get_by_role("button", name="Use this key").click()
        await expect(
            page.page.get_by_text("The server does not know that key, or it has expired.")
        ).to_be_visible()
        assert not await page.violations()
        await field.fill(key)
        await field.press("Enter")
        await expect(page.at("#speak")).to_be_enabled()
        kept = await page.page.evaluate("JSON.stringify([sessionStorage, localStorage, document.cookie])")
        assert "ek_" in kept
        assert (key in kept) == (kind == "client secret"), "an API key is not kept"
        await page.page.reload()
        await expect(page.at("#speak")).to_be_enabled()
        await page.at("#file").set_input_files(SPOKEN)
        await page.finished()
        await expect(page.at("#captions li")).to_have_count(1)
        refusals = [problem for problem in page.problems if "401" not in problem]
        assert not refusals, "the browser itself notes each answer 401"


async def test_when_the_secret_expires_the_page_asks_again(service: ModelFreeService, tmp_path: Path) -> None:
    key, began_s, passed_s = new_key(), time.time(), [0.0]
    (tmp_path / "keys").write_text(key_line("alice", key))
    date = MonotonicDate(lambda: began_s + passed_s[0], lambda: passed_s[0])
    keys, secrets = ApiKeys(tmp_path / "keys"), ClientSecrets(date=date)
    async with (
        GatewayServer(service, GatewayOptions(), callers=Callers(keys), secrets=secrets) as server,
        visit(server.target) as page,
    ):
        field = page.page.get_by_role("textbox", name="API key or client secret")
        await field.fill(key)
        await field.press("Enter")
        await expect(page.at("#speak")).to_be_enabled()
        passed_s[0] = 7_190
        await page.at("#file").set_input_files(SPOKEN)
        await expect(page.at("#captions li")).to_have_count(1)
        await page.finished()
        passed_s[0] = 7_210
        await page.at("#file").set_input_files(SPOKEN)
        await expect(page.page.get_by_text("or it has expired.")).to_be_visible()
        await field.fill(key)
        await field.press("Enter")
        await expect(page.at("#problem")).to_be_hidden()
        await page.at("#file").set_input_files(SPOKEN)
        await expect(page.at("#captions .facts")).to_have_count(2)


async def test_a_server_that_goes_away_is_said_and_what_was_said_stays(
    server: GatewayServer, tmp_path: Path
) -> None:
    # a pause, so that the utterance ends; the browser takes a moment to open the microphone
    spoken = np.concatenate([tone(2.0), np.zeros(5 * 24_000, np.float32)])
    (tmp_path / "spoken.wav").write_bytes(_wav(spoken))
    async with visit(server.target, microphone=tmp_path / "spoken.wav", permissions=["microphone"]) as page:
        await expect(page.at("#speak")).to_be_enabled()
        await page.at("#speak").click()
        await expect(page.at("#captions .word").first).to_be_visible()
        await server.stop(0)
        await expect(page.at("#problem")).to_contain_text("draining")
        await expect(page.at("#speak")).to_be_visible()
        await expect(page.at("#captions .word").first).to_be_visible()
        await page.at("#again").click()
        for _ in range(2):
            await expect(page.at("#problem")).to_contain_text("The server does not answer")
            await expect(page.at("#speak")).to_be_visible()
            await page.at("#again").click()


async def test_who_connects_again_hears_the_recording_from_its_beginning(
    server: GatewayServer, tmp_path: Path
) -> None:
    (tmp_path / "spoken.wav").write_bytes(_wav(tone(30.0)))
    async with visit(server.target) as page:
        await expect(page.at("#speak")).to_be_enabled()
        await page.at("#file").set_input_files(tmp_path / "spoken.wav")
        await expect(page.at("#captions li")).to_have_count(1)
        await server.stop(0)
        for action in (page.at("#again"), page.page.get_by_role("button", name="My wife will call")):
            await action.click()
            await expect(page.at("#problem")).to_contain_text("The server does not answer")
            await expect(page.at("#again")).to_be_visible()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_operator_sees_streams_come_and_go(starter: GatewayServer) -> None:
    async with visit(f"{starter.target}/status", axe=True) as page:
        streams = page.at("#tiles > div").first.locator(".number")
        await expect(streams).to_have_text("0")
        async with connect(starter.target) as session:
            await session.open("es")
            await expect(streams).to_have_text("1")
        await expect(streams).to_have_text("0")
        admitted = page.at("#totals > div").nth(1)
        await expect(admitted).to_have_text("Admitted1")
        assert not await page.violations()
        assert not page.problems
        stopping = asyncio.create_task(starter.stop(0))
        await expect(page.at("#reachable")).to_contain_text("Trying again.")
        await stopping
