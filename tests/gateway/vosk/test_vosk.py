"""Clients of Vosk's server: its own test programs, which wait for an answer to each message, and Jigasi."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.clips import texts
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, failing_script
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import pcm16
from tests.gateway.telephone.provider import spoken, tone
from tests.waiting import until
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.engine.request import Request
from translate_svc.errors import Unavailable
from translate_svc.gateway.server import GatewayServer

RATE_HZ = 8_000
CHUNK_BYTES = 3_200


@asynccontextmanager
async def connected(server: GatewayServer, query: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.target}/v1/vosk?{query}") as socket,
        asyncio.timeout(60),
    ):
        yield socket


async def lockstep(socket: aiohttp.ClientWebSocketResponse, data: bytes) -> list[dict[str, Any]]:
    """As the programs of vosk-server do: an answer to each chunk, then the end and its answer."""
    answers = []
    for start in range(0, len(data), CHUNK_BYTES):
        await socket.send_bytes(data[start : start + CHUNK_BYTES])
        answers.append(await socket.receive_json())
    await socket.send_str('{"eof" : 1}')
    answers.append(await socket.receive_json())
    return answers


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_said_is_written_with_the_times_of_words(starter: GatewayServer) -> None:
    async with connected(starter, "language=en") as socket:
        await socket.send_json({"config": {"sample_rate": 8000.0}})
        answers = await lockstep(socket, pcm16(spoken("eng_2.flac")))
        assert (await socket.receive()).data == 1000
    results = [each for each in answers if "text" in each]
    assert " ".join(each["text"] for each in results).strip() == texts("eng_2")["eng"]
    words = [word for each in results for word in each["result"]]
    assert [word["word"] for word in words] == texts("eng_2")["eng"].split()
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    assert all(word["start"] <= word["end"] and 0 < word["conf"] <= 1 for word in words)
    assert all(set(each) == {"partial"} for each in answers if "text" not in each)


@pytest.mark.asyncio(loop_scope="module")
async def test_partial_texts_grow_and_a_target_translates(starter: GatewayServer) -> None:
    """Jigasi waits for no answers; in real time it gets texts while somebody speaks."""
    async with connected(starter, "language=en&target=es") as socket:
        data = pcm16(spoken("eng_2.flac", 0.5))
        sending = asyncio.create_task(_paced(socket, data))
        answers = []
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            answers.append(json.loads(message.data))
        await sending
    finals = " ".join(each["text"] for each in answers if "text" in each)
    assert finals.split() == texts("eng_2")["spa"].split()
    partials = {each["partial"] for each in answers if each.get("partial")}
    assert len(partials) > 1


async def _paced(socket: aiohttp.ClientWebSocketResponse, data: bytes) -> None:
    await socket.send_str('{"config" : {"sample_rate" : 8000.0 }}')
    for start in range(0, len(data), 1_600):
        await socket.send_bytes(data[start : start + 1_600])
        await asyncio.sleep(0.1)
    await socket.send_str('{"eof" : 1}')


async def test_every_message_is_answered_once(server: GatewayServer, service: ModelFreeService) -> None:
    """However long it is, and utterances one by one."""
    async with connected(server, "language=en&target=es") as socket:
        answers = await lockstep(socket, pcm16(tone(0.6)) * 3 + pcm16(tone(20, 0)))
        assert (await socket.receive()).data == 1000
    assert sum(each.get("text", "").count("spa") for each in answers) == 5, "the last one was cut at 15 s"
    assert set(service.held.values()) == {0}


async def test_a_message_without_audio_is_answered_and_ends_nothing(server: GatewayServer) -> None:
    async with connected(server, "language=en&target=es") as socket:
        for data in (b"", pcm16(tone(0.6)), b""):
            await socket.send_bytes(data)
            assert await socket.receive_json() == {"partial": ""}
        await socket.send_str('{"eof" : 1}')
        assert "spa" in (await socket.receive_json())["text"]


async def test_words_may_be_asked_for_after_audio_has_come(server: GatewayServer) -> None:
    async with connected(server, "language=en&target=es") as socket:
        await socket.send_json({"config": {"words": 0}})
        await socket.send_bytes(pcm16(tone(0.6)))
        assert await socket.receive_json() == {"partial": ""}
        await socket.send_json({"config": {"words": 1}})
        await socket.send_str('{"eof" : 1}')
        answer = await socket.receive_json()
    assert [word["word"] for word in answer["result"]] == answer["text"].split() != []


async def test_a_reset_is_answered_by_what_was_said_so_far(server: GatewayServer) -> None:
    """As push-to-talk programs ask for it, without a silence; and as often as they like."""
    async with connected(server, "language=en&target=es") as socket:
        await socket.send_json({"config": {"words": 0}})
        for spoken_s in (0.0, 0.6, 0.0, 0.6):
            if spoken_s:
                await socket.send_bytes(pcm16(tone(spoken_s, 0)))
                assert await socket.receive_json() == {"partial": ""}
            await socket.send_str('{"reset" : 1}')
            assert ("spa" in (await socket.receive_json())["text"]) == bool(spoken_s)
        assert await lockstep(socket, b"") == [{"text": ""}]
        assert (await socket.receive()).data == 1000


async def test_what_comes_after_a_reset_is_answered_after_it(server: GatewayServer) -> None:
    async with connected(server, "language=en&target=es") as socket:
        await socket.send_json({"config": {"words": 0}})
        for _ in range(2):
            await socket.send_bytes(pcm16(tone(0.6, 0)))
            await socket.send_str('{"reset" : 1}')
        await socket.send_str('{"eof" : 1}')
        answers = [await socket.receive_json() for _ in range(5)]
        assert (await socket.receive()).data == 1000
    assert [sorted(each) for each in answers] == [["partial"], ["text"], ["partial"], ["text"], ["text"]]
    assert ["spa" in each.get("text", "") for each in answers] == [False, True, False, True, False]


async def test_the_end_without_audio_has_an_empty_text(server: GatewayServer) -> None:
    async with connected(server, "language=en") as socket:
        await socket.send_json({"config": {"words": False}})
        assert await lockstep(socket, b"") == [{"text": ""}]


@pytest.mark.parametrize(
    ("query", "message", "told"),
    [
        ("language=xx", b"\0\0", "language is not a language of the loaded model"),
        ("language=en&target=xx", b"\0\0", "target is not a language of the loaded model"),
        ("", b"\0\0", "language is required for a transcript"),
        ("language=en", b"\0\0\0", "binary message 3 bytes are no whole number"),
        ("language=en", "{", "the message is not JSON"),
        ("language=en", '{"sing": 1}', "must be config or eof"),
        ("language=en", '{"config": {"sample_rate": "a"}}', "config.sample_rate must be a number"),
        ("language=en", '{"config": {"max_alternatives": 3}}', "config.max_alternatives must be 0"),
        ("language=en", '{"config": {"phrase_list": ["a"]}}', "config.phrase_list cannot limit"),
    ],
)
async def test_what_is_wrong_is_named_when_the_connection_closes(
    server: GatewayServer, query: str, message: str | bytes, told: str
) -> None:
    async with connected(server, query) as socket:
        if isinstance(message, str):
            await socket.send_str(message)
        else:
            await socket.send_bytes(message)
        closed = await socket.receive()
        assert closed.type is aiohttp.WSMsgType.CLOSE
        assert closed.data == 1008
        assert str(closed.extra).startswith(told)


async def test_a_rate_that_is_not_served_is_named_as_vosk_has_it(server: GatewayServer) -> None:
    async with connected(server, "language=en") as socket:
        await socket.send_json({"config": {"sample_rate": 4_000}})
        await socket.send_bytes(b"\0\0")
        closed = await socket.receive()
        assert closed.extra == "config.sample_rate must be within [8000, 48000]"


async def test_a_key_in_the_url_will_do(service: ModelFreeService, tmp_path: Path) -> None:
    key = new_key()
    (tmp_path / "keys").write_text(key_line("alice", key))
    async with GatewayServer(service, callers=Callers(ApiKeys(tmp_path / "keys"))) as server:
        async with connected(server, f"language=en&key={key}") as socket:
            assert await lockstep(socket, b"") == [{"result": [], "text": ""}]
        async with connected(server, "language=en&key=other") as socket:
            assert (await socket.receive()).data == 1008


async def test_an_utterance_that_fails_ends_the_connection_with_its_time() -> None:
    async with (
        model_free_service(failing_script) as service,
        GatewayServer(service) as server,
        connected(server, "language=en&target=es") as socket,
    ):
        await socket.send_bytes(pcm16(tone(0.6)))
        await socket.send_str('{"eof" : 1}')
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            assert set(message.json()) == {"partial"}
        assert message.data == 1011
        assert str(message.extra).startswith("the speech at")


async def said_before_the_close(socket: aiohttp.ClientWebSocketResponse) -> tuple[int, int]:
    """How many utterances were told, and the code of the close."""
    told = 0
    while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
        told += message.json().get("text", "").count("spa")
    return told, message.data


async def test_what_was_said_before_a_failure_is_told_though_it_ends_later() -> None:
    number = itertools.count(1)

    def script(request: Request) -> ScriptedRequest:
        slow_s = 0.3 if (this := next(number)) == 2 else 0.0
        scripted = tuple(ScriptedSequence((each.language,)) for each in request.sequences)
        return ScriptedRequest(scripted, encode_s=slow_s, encode_fails=this == 3)

    async with (
        model_free_service(script) as service,
        GatewayServer(service) as server,
        connected(server, "language=en&target=es") as socket,
    ):
        await socket.send_bytes(pcm16(tone(0.6)) * 3)
        assert await said_before_the_close(socket) == (2, 1011)


async def test_what_was_said_before_the_server_leaves_is_told(
    server: GatewayServer, service: ModelFreeService
) -> None:
    async with connected(server, "language=en&target=es") as socket:
        await socket.send_bytes(pcm16(tone(0.6)) * 3)
        await until(lambda: service.held["admitted"] == 1)
        leaving = asyncio.create_task(server.stop(2, Unavailable("it moves")))
        assert await said_before_the_close(socket) == (3, 1012)
        await leaving
