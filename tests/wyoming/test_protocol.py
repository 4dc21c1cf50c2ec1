"""Events of Wyoming one by one, with an engine that follows a script."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeVoice

from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.wyoming.clients import RATE_HZ, closed_with, connected, described, tone, transcribed, until
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.serving.tcp_server import TcpOptions
from translate_svc.session.admission import AdmissionOptions
from translate_svc.wyoming.server import WyomingServer

ENGLISH = Transcribe(language="en")


async def test_every_kind_of_request_over_one_connection(
    server: WyomingServer, service: ModelFreeService
) -> None:
    """And events that are no request are dropped."""
    async with connected(server) as client:
        await client.write_event(Ping("hello").event())
        assert Pong.from_event(await until(client, "pong")) == Pong("hello")
        await client.write_event(Event("run-satellite"))
        await client.write_event(AudioStop().event())
        transcript = await transcribed(client, tone() + bytes(32_000) + tone(), ENGLISH)
        assert transcript.text.count("eng") == 2
        await client.write_event(Synthesize("Hello.", SynthesizeVoice("en>es")).event())
        await until(client, "audio-stop")
        assert await described(client)
        await until_nothing_is_open(service)
    assert server.live_streams == 0


async def until_nothing_is_open(service: ModelFreeService) -> None:
    assert set(service.held.values()) == {0}


async def test_a_connection_may_begin_with_audio(server: WyomingServer) -> None:
    """It needs no start; and data may stand in the line itself, as of old."""
    chunk = {"rate": RATE_HZ, "width": 2, "channels": 1}
    host, _, port = server.target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    audio = tone()
    writer.write(json.dumps({"type": "transcribe", "data": {"language": "en"}}).encode() + b"\n")
    writer.write(
        json.dumps({"type": "audio-chunk", "data": chunk, "payload_length": len(audio)}).encode() + b"\n"
    )
    writer.write(audio + b'{"type": "audio-stop"}\n')
    async with asyncio.timeout(30):
        kinds: list[str] = []
        while not kinds or kinds[-1] != "transcript":
            header = json.loads(await reader.readline())
            kinds.append(header["type"])
            await reader.readexactly(header.get("data_length", 0))
    assert kinds == ["transcript-start", "transcript-chunk", "transcript-chunk", "transcript"]
    writer.close()


async def test_who_asks_during_a_transcription_is_answered(server: WyomingServer) -> None:
    async with connected(server) as client:
        await client.write_event(ENGLISH.event())
        await client.write_event(AudioStart(RATE_HZ, 2, 1).event())
        await client.write_event(AudioChunk(RATE_HZ, 2, 1, tone()).event())
        await client.write_event(Ping("hello").event())
        assert Pong.from_event(await until(client, "pong")) == Pong("hello")
        assert await described(client)
        await client.write_event(AudioStop().event())
        assert (await until(client, "transcript")).data["text"].count("eng") == 1


async def test_who_asks_and_never_reads_is_let_go(service: ModelFreeService) -> None:
    options = TcpOptions(write_timeout_s=0.2, keepalive_time_ms=600_000)
    async with WyomingServer(service, options) as server:
        host, _, port = server.target.rpartition(":")
        with socket.socket() as client:
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, (host, int(port)))
            asking = asyncio.get_running_loop().sock_sendall(client, b'{"type": "describe"}\n' * 1_000_000)
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(asking, 60)


@pytest.mark.parametrize("when", ["while it speaks", "while it waits"])
async def test_who_leaves_holds_nothing(server: WyomingServer, service: ModelFreeService, when: str) -> None:
    async with connected(server) as client:
        await client.write_event(ENGLISH.event())
        await client.write_event(AudioStart(RATE_HZ, 2, 1).event())
        await client.write_event(AudioChunk(RATE_HZ, 2, 1, tone()).event())
        await until(client, "transcript-start")
        if when == "while it waits":
            await client.write_event(AudioStop().event())
    async with asyncio.timeout(10):
        await server.stop(60)  # waits for calls
    assert set(service.held.values()) == {0}


REFUSED: list[tuple[Event, str, str]] = [
    (Transcribe(language="xx").event(), "language: ", "InvalidArgument"),
    (Transcribe(name="other").event(), "name: must be translate-svc", "InvalidArgument"),
    (Event("transcribe", {"language": 1}), "language: must be a string", "InvalidArgument"),
    (AudioChunk(RATE_HZ, 4, 1, b"").event(), "width: must be 2", "Unsupported"),
    (AudioChunk(RATE_HZ, 2, 2, b"").event(), "channels: must be 1", "Unsupported"),
    (AudioChunk(7_999, 2, 1, b"").event(), "rate: ", "OutOfRange"),
    (Event("audio-start", {"rate": "a"}), "rate: must be a whole number", "InvalidArgument"),
    (Event("select-program", {"name": "other"}), "name: must be translate-svc", "InvalidArgument"),
    (
        Event("transcript", {"text": "a", "language": "en"}),
        "program: must be one that translates",
        "InvalidArgument",
    ),
    (Synthesize("a").event(), "voice.name: must be like en>es", "InvalidArgument"),
    (Synthesize("a", SynthesizeVoice("en>xx")).event(), "voice.name", "InvalidArgument"),
    (
        Synthesize("a", SynthesizeVoice("en>es", speaker="999")).event(),
        "voice.speaker: is",
        "InvalidArgument",
    ),
    (Synthesize("a", SynthesizeVoice("en>es", speaker="x")).event(), "voice.speaker", "InvalidArgument"),
    (Synthesize("a", SynthesizeVoice("en>es"), text_format="ssml").event(), "text_format", "Unsupported"),
    (Synthesize("", SynthesizeVoice("en>es")).event(), "text: holds no visible character", "InvalidArgument"),
]


@pytest.mark.parametrize(("event", "told", "code"), REFUSED, ids=[told for _, told, _ in REFUSED])
async def test_what_is_wrong_is_named_and_the_connection_closes(
    server: WyomingServer, event: Event, told: str, code: str
) -> None:
    """So that a client that waits for its result alone does not wait for ever."""
    async with connected(server) as client:
        await client.write_event(event)
        if event.type == "transcribe":
            await client.write_event(AudioStart(RATE_HZ, 2, 1).event())
        text, kind = await closed_with(client)
    assert text.startswith(told)
    assert kind == code


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{\n", "header: must be an object of JSON"),
        (b"[]\n", "header: must be an object of JSON"),
        (b"{}\n", "header: must have a type"),
        (b'{"type": "ping", "data_length": 3}\n"a"', "data: must be an object"),
        (b'{"type": "ping", "data_length": -3}\n', "data_length: must be a number"),
        (b'{"type": "ping", "payload_length": 9999999}\n', "payload_length: must be at most"),
        (b'{"type": "' + 200_000 * b"a", "header: is too long"),
        (b'{"type": "ping", "data": {"text": "\\ud800"}}\n', "header: holds half of a surrogate pair"),
        (b'{"type": "transcript", "data_length": 19}\n{"text": "\\udfff!"}', "data: holds half"),
    ],
)
async def test_what_is_no_event_is_refused(server: WyomingServer, data: bytes, told: str) -> None:
    host, _, port = server.target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    async with asyncio.timeout(10):
        header = json.loads(await reader.readline())
        error = json.loads(await reader.readexactly(header["data_length"]))
    assert header["type"] == "error"
    assert error["text"].startswith(told)
    writer.transport.abort()


async def test_an_error_reaches_a_client_that_is_still_sending(server: WyomingServer) -> None:
    """As a satellite is, whose audio is on its way when its request is refused."""
    host, _, port = server.target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    begin = json.dumps({"type": "audio-start", "data": {"rate": RATE_HZ, "width": 2, "channels": 2}})
    async with asyncio.timeout(10):
        writer.write(begin.encode() + b"\n" + bytes(1_000_000))
        await writer.drain()
        header = json.loads(await reader.readline())
        error = json.loads(await reader.readexactly(header["data_length"]))
        assert error["text"] == "channels: must be 1"
        assert await reader.read() == b"", "the connection closes in good order"
        writer.close()
        await writer.wait_closed()


async def test_the_format_of_audio_stays(server: WyomingServer) -> None:
    async with connected(server) as client:
        await client.write_event(ENGLISH.event())
        await client.write_event(AudioStart(RATE_HZ, 2, 1).event())
        await client.write_event(AudioChunk(8_000, 2, 1, bytes(320)).event())
        assert (await closed_with(client))[0].startswith("rate: must be as that of the chunk before")


async def test_a_server_that_is_full_or_leaves_says_so() -> None:
    async with (
        model_free_service(admission=AdmissionOptions(max_streams=1)) as service,
        WyomingServer(service) as server,
        connected(server) as first,
        connected(server) as second,
    ):
        for client in (first, second):
            await client.write_event(ENGLISH.event())
            await client.write_event(AudioStart(RATE_HZ, 2, 1).event())
            if client is first:
                await until(first, "transcript-start")
        assert (await closed_with(second))[1] == "ResourceExhausted"
        leaving = asyncio.create_task(server.stop(0.2, Unavailable("it moves")))
        assert await closed_with(first) == ("it moves", "Unavailable")
        await leaving


async def test_who_is_hasty_waits(server: WyomingServer) -> None:
    """2,000 events a second are read, after 6,000 at once."""
    began_s = time.monotonic()
    async with connected(server) as client:
        for number in range(8_000):
            await client.write_event(Event("nothing", {"number": number}))
        await client.write_event(Ping().event())
        await until(client, "pong")
    assert time.monotonic() - began_s > 0.9


async def test_who_sends_nothing_is_let_go(service: ModelFreeService) -> None:
    async with (
        WyomingServer(service, TcpOptions(config_timeout_s=0.1)) as server,
        connected(server) as client,
    ):
        assert await client.read_event() is None


async def test_who_may_listen_and_call(service: ModelFreeService, tmp_path: Path) -> None:
    """Plaintext stays on this machine, and requests count for the caller that the operator names."""
    (tmp_path / "keys").write_text(key_line("alice", new_key()))
    callers = Callers(ApiKeys(tmp_path / "keys"))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"options": TcpOptions(host="0.0.0.0")}, "wyoming"),
        ({"callers": callers}, "wyoming_caller"),
        ({"target": "xx"}, "wyoming_target"),
    ]
    for options, field in wrong:
        with pytest.raises(InvalidArgument) as refused:
            WyomingServer(service, **options)
        assert refused.value.field == field
        assert ("those are" in str(refused.value)) is (field == "wyoming_target")
    for name, told in (("alice", None), ("bob", "Unauthenticated")):
        async with (
            WyomingServer(service, callers=callers, caller=name) as server,
            connected(server) as client,
        ):
            if told is None:
                assert (await transcribed(client, tone(), ENGLISH)).text
            else:
                await client.write_event(AudioStart(RATE_HZ, 2, 1).event())
                assert (await closed_with(client))[1] == told
