"""Why a call cannot go on is told in the words of whoever set it up, not in those of the contract."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.fakes.model_free_service import model_free_service
from tests.gateway.telephone.provider import Twilio, dialled, speaks, telephone, tone
from translate_svc.gateway.server import GatewayServer

PATH = "/v1/telephone/signalwire"


async def start(
    call: Twilio, parameters: dict[str, str], encoding: str = "PCMU", rate_hz: int = 8_000
) -> None:
    described = {"encoding": encoding, "sampleRate": rate_hz, "channels": 1}
    start = {"streamSid": call.sid, "mediaFormat": described, "customParameters": parameters}
    await call.send("start", start=start)


async def refused(call: Twilio) -> str:
    """The reason with which the server closes."""
    message = await call.raw.receive(timeout=30)
    assert message.type is aiohttp.WSMsgType.CLOSE
    assert message.data == 1008
    return str(message.extra)


def media(data: bytes) -> dict[str, Any]:
    return {"track": "inbound", "payload": base64.b64encode(data).decode()}


@pytest.mark.parametrize(
    ("line", "parameters", "told"),
    [
        ("", {"source": "tlh", "target": "es"}, "parameters.source is not a language"),
        ("", {"between": "en,en"}, "parameters.between is a target already"),
        ("", {"source": "en", "target": "es", "voice": "99"}, "parameters.voice is not a voice"),
        ('target = "es"\nvoice = "99"', {"source": "en"}, "call.voice is not a voice"),
    ],
)
async def test_a_setting_is_named_by_the_place_where_it_was_said(
    tmp_path: Path, line: str, parameters: dict[str, str], told: str
) -> None:
    file = telephone(tmp_path, f"[signalwire]\n[call]\n{line}")
    async with (
        model_free_service() as service,
        GatewayServer(service, telephone=file) as server,
        dialled(server.target, PATH, headers={}) as call,
    ):
        await start(call, parameters)
        assert (await refused(call)).startswith(told)
        assert set(service.held.values()) == {0}


async def test_the_settings_of_a_key_are_named_by_their_place_in_the_file(tmp_path: Path) -> None:
    keys = '[keys.1]\ntarget = "fr"\n[keys.2]\nvoice = "99"'
    async with (
        model_free_service() as service,
        GatewayServer(service, telephone=telephone(tmp_path, f"[signalwire]\n{keys}")) as server,
        dialled(server.target, PATH, headers={}) as call,
    ):
        await start(call, {"source": "en", "target": "es"})
        await call.press("1")
        await call.press("2")
        assert (await refused(call)).startswith("keys.2.voice is not a voice")


async def test_the_callers_sound_is_named_as_the_provider_has_it(tmp_path: Path) -> None:
    file = telephone(tmp_path, "[signalwire]\n[asterisk]")
    async with model_free_service() as service, GatewayServer(service, telephone=file) as server:
        async with dialled(server.target, PATH, headers={}) as call:
            await start(call, {"source": "en", "target": "es"}, "L16", 96_000)
            assert (await refused(call)).startswith("start.mediaFormat.sampleRate must be within")
        async with dialled(server.target, PATH, headers={}) as call:
            await start(call, {"source": "en", "target": "es"}, "L16", 16_000)
            await call.send("media", media=media(b"abc"))
            assert (await refused(call)).startswith("media.payload 3 bytes are no whole number")
        path = "/v1/telephone/asterisk?source=en&target=es"
        async with dialled(server.target, path, headers={}) as call:
            await call.raw.send_str("MEDIA_START format:slin16")
            await call.raw.send_bytes(b"abc")
            assert (await refused(call)).startswith("binary message 3 bytes are no whole number")


async def test_a_message_without_sound_changes_nothing(tmp_path: Path) -> None:
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es", mode="utterance")
        await call.say(tone(0.3, 0.0))
        await call.send_frame(b"")
        await call.say(tone(0.3))
        assert np.median(await call.until_mark()) == pytest.approx(0.25, abs=0.02)
        assert await call.hang_up() == 1000


async def test_a_message_that_tells_nothing_ends_no_call(tmp_path: Path) -> None:
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es", mode="utterance")
        for event, inside in (("dtmf", "digit"), ("mark", "name"), ("error", "code"), ("media", "track")):
            await call.send(event, **{"payload" if event == "error" else event: {inside: ""}})
        for event in ("dtmf", "mark", "error", ""):
            await call.send(event)
        await call.say(tone(0.3))
        assert np.median(await call.until_mark()) == pytest.approx(0.25, abs=0.02)
        assert await call.hang_up() == 1000
