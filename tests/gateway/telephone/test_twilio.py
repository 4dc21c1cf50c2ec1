"""Calls over Twilio's Media Streams."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.clips import texts
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import ROOT
from tests.gateway.telephone.provider import (
    RATE_HZ,
    Twilio,
    dialled,
    signature,
    speaks,
    spoken,
    telephone,
    tone,
)
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.audio.files import write_wav
from translate_svc.config import Settings
from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.gateway.server import GatewayServer
from translate_svc.service import Service
from translate_svc.telephone.telephone_file import Telephone
from translate_svc.types import Samples

STARTER = Settings(model=str(ROOT / "model_cache" / "starter"))
UNIT_BYTES = 160
CODES = {"en": "eng", "es": "spa"}


async def test_two_people_at_one_telephone_are_interpreted(tmp_path: Path) -> None:
    """Each hears the other's words: what comes back is recognized again."""
    async with (
        Service.start(STARTER) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
    ):
        async with dialled(server.target) as call:
            await call.start(between="en,es", mode="utterance")
            for name, language in (("eng_1", "es"), ("spa_2", "en")):
                await call.say(spoken(f"{name}.flac"))
                heard = await call.until_mark()
                said = await recognized(server, wav(heard, tmp_path), language)
                assert said == texts(name)[CODES[language]]
            assert await call.hang_up() == 1000
        assert call.marks == ["speech-1", "speech-2"]
        assert call.clears == 0
        assert server.live_streams == 0


def wav(samples: Samples, folder: Path) -> bytes:
    write_wav(folder / "heard.wav", samples, RATE_HZ)
    return (folder / "heard.wav").read_bytes()


async def recognized(server: GatewayServer, recording: bytes, language: str) -> str:
    form = aiohttp.FormData({"model": "m", "language": language})
    form.add_field("file", recording, filename="heard.wav")
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server.target}/v1/audio/transcriptions", data=form) as response,
    ):
        return str((await response.json())["text"])


async def test_keys_choose_the_language(tmp_path: Path) -> None:
    """The first key opens the call, another one changes the language of the next utterance."""
    keys = '[keys.1]\nsource = "en"\ntarget = "es"\n[keys.2]\nsource = "en"\ntarget = "fr"'
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service, telephone=telephone(tmp_path, keys)) as server,
        dialled(server.target) as call,
    ):
        await call.start()
        await call.say(tone(0.3, 0.0))
        await call.press("7")
        await call.press("1")
        await call.say(tone(0.6))
        assert np.median(await call.until_mark()) == pytest.approx(0.25, abs=0.02)
        await call.press("2")
        await call.say(tone(0.6))
        assert np.median(await call.until_mark()) == pytest.approx(0.5, abs=0.02)
        assert len(call.heard) == 2 * 5 * UNIT_BYTES, "no more and no less than what was said"
        assert await call.hang_up() == 1000
        assert set(service.held.values()) == {0}


async def test_who_hangs_up_is_not_waited_for(tmp_path: Path) -> None:
    """What nobody will hear is dropped, and the call ends in good order."""

    def slow(request: Request) -> ScriptedRequest:
        return ScriptedRequest((ScriptedSequence(),) * len(request.sequences), encode_s=60)

    async with (
        model_free_service(slow) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es", mode="utterance")
        await call.say(tone(0.6))
        async with asyncio.timeout(10):
            while not service.held["requests"]:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
            assert await call.hang_up() == 1000
        assert set(service.held.values()) == {0}


@pytest.mark.parametrize("barge_in", [False, True])
async def test_who_speaks_again_stops_the_interpreter_if_that_is_wanted(
    tmp_path: Path, barge_in: bool
) -> None:
    async with (
        model_free_service(speaks(500)) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es", barge_in=str(barge_in).lower(), mode="utterance")
        await call.say(tone(0.6))
        await call.receive()
        await call.say(tone(0.4, 0.0))
        await asyncio.sleep(0.5)
        assert await call.hang_up() == 1000
        assert call.clears == int(barge_in)
        assert len(call.heard) < 3 * RATE_HZ, "ten seconds were translated, and one may be ahead"


async def test_who_speaks_on_before_anything_is_heard_interrupts_nobody(tmp_path: Path) -> None:
    """Two sentences with a pause, or audio that comes late and at once: the first was never heard."""

    def late(request: Request) -> ScriptedRequest:
        return replace(speaks(20)(request), encode_s=0.5)

    async with (
        model_free_service(late) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es", barge_in="true", mode="utterance")
        await call.say(np.concatenate([tone(0.6)] * 3))
        async with asyncio.timeout(20):
            while len(call.heard) < 3 * 20 * UNIT_BYTES:
                await call.receive()
        assert await call.hang_up() == 1000
        assert call.clears == 0


async def test_only_who_knows_the_token_may_call(tmp_path: Path) -> None:
    path = "/v1/telephone/twilio"
    async with (
        model_free_service() as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
    ):
        host = server.target.partition("://")[2]
        for given in ("", "?", signature(server.target, path, "other"), signature(server.target, "/v1/x")):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with dialled(server.target, headers={"X-Twilio-Signature": given}):
                    pass
            assert refused.value.status == 401
        for url in (host + path, f"{host}{path}/", f"{host}:443{path}"):
            signed = {"X-Twilio-Signature": signature(f"wss://{url}", "")}
            async with dialled(server.target, headers=signed | {"Host": host}):
                pass
        (tmp_path / "telephone.toml").write_text(
            'public_url = "wss://phone.example.org/x"\n[twilio]\nsecrets = ["9", "new"]'
        )
        signed = {"X-Twilio-Signature": signature("wss://phone.example.org/x", path, "new")}
        async with dialled(server.target, headers=signed):
            pass
        for other in ("telnyx", "asterisk", "nobody"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with dialled(server.target, f"/v1/telephone/{other}"):
                    pass
            assert refused.value.status == 404


def test_the_documented_signature() -> None:
    """Computed with openssl: printf URL | openssl dgst -sha1 -hmac 12345 -binary | base64."""
    assert signature("wss://example.org", "/v1/telephone/twilio") == "oWFBd6ivOLVQx9dGHYebJ6cftvc="


async def test_a_language_that_the_model_lacks_is_refused_at_the_start_and_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that was changed for the worse changes nothing."""
    async with model_free_service(speaks(5)) as service:
        with pytest.raises(InvalidArgument, match=r"telephone: keys\.1\.target") as refused:
            GatewayServer(service, telephone=telephone(tmp_path, '[keys.1]\ntarget = "xx"'))
        assert refused.value.field == "telephone"
        server = GatewayServer(service, telephone=telephone(tmp_path, '[call]\ntarget = "es"'))
        telephone(tmp_path, '[call]\ntarget = "xx-yy"')
        async with server, dialled(server.target) as call:
            await call.start()
            assert await call.hang_up() == 1000
        assert "telephone: call.target" in caplog.text


async def test_a_call_counts_for_a_caller(tmp_path: Path) -> None:
    """By the key that it brings, or as the file says."""
    key = new_key()
    (tmp_path / "keys").write_text(key_line("alice", key))
    callers = Callers(ApiKeys(tmp_path / "keys"))
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service, callers=callers, telephone=telephone(tmp_path)) as server,
    ):
        for parameters, code in (({"key": key}, 1000), ({"key": "x"}, 1008), ({}, 1008)):
            async with dialled(server.target) as call:
                await call.start(source="en", target="es", **parameters)
                assert await call.hang_up() == code
        for name, code in (("alice", 1000), ("bob", 1008)):
            telephone(tmp_path, f'caller = "{name}"')
            async with dialled(server.target) as call:
                await call.start(source="en", target="es")
                assert await call.hang_up() == code


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("{", "the message is not JSON"),
        (b"\0", "messages are JSON, sent as text"),
        ({"event": "media"}, "media is required"),
        ({"event": "media", "media": {"payload": "?"}}, "media.payload is not base64"),
        ({"event": "media", "media": {"payload": "AA==", "chunk": []}}, "media.chunk must be a whole number"),
        ({"event": "dtmf", "dtmf": {"digit": 1}}, "dtmf.digit must be a string"),
        ({"event": "start"}, "start is required"),
    ],
)
async def test_what_is_wrong_is_named_when_the_connection_closes(
    tmp_path: Path, message: str | bytes | dict[str, Any], told: str
) -> None:
    async with (
        model_free_service() as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es")
        await call.send("something-new", new={})
        if isinstance(message, bytes):
            await call.raw.send_bytes(message)
        else:
            await call.raw.send_str(message if isinstance(message, str) else json.dumps(message))
        assert await reason(call) == (1008, told)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"target": "xx"}, "parameters.target is not a language of the loaded model"),
        ({"between": "en"}, "parameters.between must be two languages"),
        ({"between": "en,es"}, "parameters.between cannot be found out by this model"),
        ({"target": "es", "mode": "loud"}, "parameters.mode must be one of utterance, simultaneous"),
        ({"target": "es", "barge_in": "1"}, "parameters.barge_in must be true or false"),
        ({"target": "es", "voice": "x"}, "parameters.voice must be the number of a voice"),
        ({"target": "es", "line": "9"}, "parameters.line is not a line of this server"),
    ],
)
async def test_a_wrong_parameter_is_named(tmp_path: Path, parameters: dict[str, str], told: str) -> None:
    async with (
        model_free_service() as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(**parameters)
        code, text = await reason(call)
        assert (code, text[: len(told)]) == (1008, told)


async def reason(call: Twilio) -> tuple[int | None, str]:
    """Why the server has closed the connection."""
    message = await call.raw.receive(timeout=10)
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return message.data, str(message.extra)


async def test_a_server_that_leaves_ends_the_call(tmp_path: Path) -> None:
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es")
        await call.say(tone(0.6))
        await call.until_mark()
        leaving = asyncio.create_task(server.stop(0, Unavailable("it moves")))
        assert await call.to_the_end() == 1012
        await leaving


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[twilio]\nsecrets = []", "twilio.secrets must hold the auth token"),
        ('[telnyx]\ncaller = "a"', "telnyx.caller needs secrets"),
        ('public_url = "https://x"', "public_url"),
        ('[keys.12]\ntarget = "es"', "keys"),
        ('[call]\nbetween = "en"', "call.between must be two languages"),
        ("[call]\ntargets = 3", "call.targets"),
    ],
)
def test_a_wrong_file_is_refused_at_the_start(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "telephone.toml"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match="telephone: ") as refused:
        Telephone(path)
    assert refused.value.description.replace(":", "", 1).startswith(told)
