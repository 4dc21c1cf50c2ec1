"""An ``error`` event or a close code reports each fault, and nothing else is disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import TRANSLATIONS, base64_parts, connect, pcm16, silence, tone
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.session.admission import AdmissionOptions

SPOKEN = pcm16(tone(0.6)) + pcm16(silence(0.8))
APPEND = "session.input_audio_buffer.append"


def _output(**fields: Any) -> dict[str, Any]:
    return {"session": {"audio": {"output": {"language": "de"} | fields}}}


def _input(**fields: Any) -> dict[str, Any]:
    return {"session": {"audio": {"input": fields}}}


WRONG: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("conversation.item.create", {}, "invalid_value", "type"),
    ("session.update", {}, "invalid_value", "session"),
    ("session.update", {"session": []}, "invalid_value", "session"),
    ("session.update", {"session": {"voice": "alloy"}}, "unknown_parameter", "session.voice"),
    ("session.update", {"session": {"type": "realtime"}}, "invalid_value", "session.type"),
    (
        "session.update",
        {"session": {"instructions": "Be brief.", "type": "realtime"}},
        "invalid_value",
        "session.type",
    ),
    ("session.update", {"session": {"model": "another"}}, "invalid_value", "session.model"),
    ("session.update", {"session": {"include": ["everything"]}}, "invalid_value", "session.include[0]"),
    ("session.update", {"session": {"audio": 1}}, "invalid_value", "session.audio"),
    ("session.update", _output(language="tlh"), "invalid_value", "session.audio.output.language"),
    ("session.update", _output(language=5), "invalid_value", "session.audio.output.language"),
    ("session.update", _output(speaker_id=9_999), "invalid_value", "session.audio.output.speaker_id"),
    ("session.update", _output(duration_factor=9), "out_of_range", "session.audio.output.duration_factor"),
    ("session.update", _output(targets=[]), "invalid_value", "session.audio.output.targets"),
    (
        "session.update",
        {"session": {"audio": {"output": {"targets": [{"language": "es"}, {"language": "es-MX"}]}}}},
        "invalid_value",
        "session.audio.output.targets[1].language",
    ),
    (
        "session.update",
        {"session": {"audio": {"output": {"targets": [{"language": str(n)} for n in range(9)]}}}},
        "out_of_range",
        "session.audio.output.targets",
    ),
    (
        "session.update",
        _input(noise_reduction={"type": "near_field"}),
        "unsupported",
        "session.audio.input.noise_reduction",
    ),
    (
        "session.update",
        _input(transcription={"model": "gpt-4o-transcribe"}),
        "invalid_value",
        "session.audio.input.language",
    ),
    ("session.update", _input(language="tlh"), "invalid_value", "session.audio.input.language"),
    (
        "session.update",
        _input(turn_detection={"silence_duration_ms": 1}),
        "out_of_range",
        "session.audio.input.turn_detection.silence_duration_ms",
    ),
    (
        "session.update",
        _input(turn_detection={"type": "semantic_vad"}),
        "invalid_value",
        "session.audio.input.turn_detection.type",
    ),
    ("session.update", _input(format={"rate": 16_000}), "invalid_value", "session.audio.input.format"),
    (
        "session.update",
        {"session": {"simultaneous": {"step_ms": 1}}},
        "out_of_range",
        "session.simultaneous.step_ms",
    ),
    ("session.update", {"session": {"terms": [{"source": 5}]}}, "invalid_value", "session.terms[0].source"),
    (
        "session.update",
        {"session": {"terms": [{"source": "x", "language": "tlh"}]}},
        "invalid_value",
        "session.terms[0].language",
    ),
    (APPEND, {}, "invalid_value", "audio"),
    (APPEND, {"audio": 3}, "invalid_value", "audio"),
    (APPEND, {"audio": None}, "invalid_value", "audio"),
    (APPEND, {"audio": ""}, "invalid_value", "audio"),
    (APPEND, {"audio": "AAA"}, "invalid_value", "audio"),
    (APPEND, {"audio": "AA AA==="}, "invalid_value", "audio"),
    (APPEND, {"audio": "ÄÄÄÄ"}, "invalid_value", "audio"),
]


def check_sentence(error: dict[str, Any]) -> None:
    """Clients print ``message`` alone: it is a whole sentence, in words of this protocol."""
    message = error["message"]
    assert message[0] == "`" or message[0].isupper(), message
    assert message.endswith("."), message
    assert error["param"] is None or f"`{error['param']}`" in message, message
    for foreign in ("ListLanguages", "sample_rate_hz", "min_silence_ms", "source_language", "config."):
        assert foreign not in message


async def test_a_rate_is_named_as_its_caller_wrote_it(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        wanted = _output(language="es")["session"]["audio"] | {"input": {"format": {"rate": 4_000}}}
        await session.update(audio=wanted)
        error = (await session.until("error"))["error"]
    assert (error["param"], error["event_id"]) == ("session.audio.input.format.rate", None)
    check_sentence(error)


@pytest.mark.parametrize(("kind", "fields", "code", "param"), WRONG, ids=lambda each: str(each)[:40])
async def test_a_wrong_event_is_refused_and_changes_nothing(
    server: GatewayServer, kind: str, fields: dict[str, Any], code: str, param: str | None
) -> None:
    async with connect(server.target) as session, connect(server.target) as neighbour:
        for each in (session, neighbour):
            await each.open("es")
        await session.send(kind, event_id="mine", **fields)
        error = (await session.until("error"))["error"]
        assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
        assert error["event_id"] == "mine"
        check_sentence(error)
        for each in (session, neighbour):
            await each.append(SPOKEN)
            await each.send("session.close")
            assert await each.to_the_end() == 1000
            assert each.text().startswith("spa ")
        assert "error" not in neighbour.kinds()


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("{", None),
        ("[]", None),
        ("5", None),
        ("{}", "type"),
        ('{"type": 5}', "type"),
        ('{"type": ""}', "type"),
        ("[" * 100_000, None),
        ('{"type": "session.update", "session": ' + "[" * 100_000, None),
    ],
    ids=range(8),
)
async def test_what_is_no_event_is_refused(server: GatewayServer, text: str, param: str | None) -> None:
    async with connect(server.target) as session:
        await session.until("session.created")
        await session.raw.send_str(text)
        error = (await session.until("error"))["error"]
        assert (error["type"], error["param"]) == ("invalid_request_error", param)
        check_sentence(error)
        await session.raw.send_bytes(b"\x00")
        assert "text" in (await session.until("error"))["error"]["message"]
        await session.open("es")


async def test_a_connection_that_only_errs_is_ended(server: GatewayServer) -> None:
    """At most some hundred times; what it sends beside does not help it."""
    async with connect(server.target) as session:
        await session.until("session.created")
        for _ in range(400):
            await session.raw.send_str("5")
        assert await session.to_the_end() == 1008
        errors = [each["error"] for each in session.of("error")]
        assert 100 <= len(errors) < 200
        assert errors[-1]["code"] == "permission_denied"
        assert "wrong" in errors[-1]["message"]


async def test_errors_come_after_the_answers_of_earlier_events(server: GatewayServer) -> None:
    for _ in range(20):
        async with connect(server.target) as session:
            await session.update(audio={"output": {"language": "es"}})
            await session.send(APPEND, audio="?")
            await session.update(audio={"output": {"language": "de"}})
            await session.send("sing")
            await session.until("session.updated")
            await session.until("session.updated")
            await session.until("error")
        assert session.kinds() == [
            "session.created",
            *("session.updated", "error") * 2,
        ]


async def test_audio_before_a_language_is_refused(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        await session.send(APPEND, audio=base64_parts(SPOKEN)[0])
        error = (await session.until("error"))["error"]
        assert error["param"] == "session.audio.output.language"
        await session.send("conversation.item.create")
        assert (await session.until("error"))["error"]["param"] == "type"
        await session.update(audio={"output": {"language": "tlh"}})
        assert (await session.until("error"))["error"]["param"] == "session.audio.output.language"
        await session.open("es")
        await session.append(SPOKEN)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
        assert session.text().startswith("spa ")


async def test_settings_may_come_before_the_language(server: GatewayServer) -> None:
    """A refused update in between changes nothing, neither to keep nor to drop."""
    async with connect(server.target) as session:
        await session.update(include=["logprobs"])
        assert (await session.until("session.updated"))["session"]["include"] == ["logprobs"]
        await session.update(include=["units"], audio={"output": {"language": "tlh"}})
        await session.until("error")
        assert (await session.open("es"))["include"] == ["logprobs"]


async def test_nothing_is_taken_after_the_close(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        await session.open("es")
        await session.append(SPOKEN)
        await session.send("session.close")
        await session.send("session.close", event_id="second")
        assert (await session.until("error"))["error"]["event_id"] == "second"
        assert await session.to_the_end() == 1000


async def test_a_message_that_is_too_large_ends_its_connection_alone() -> None:
    options = GatewayOptions(max_message_bytes=20_000)
    async with (
        model_free_service() as service,
        GatewayServer(service, options) as server,
        connect(server.target) as session,
        connect(server.target) as neighbour,
    ):
        await neighbour.open("es")
        await session.open("es")
        await session.send(APPEND, audio="A" * 20_000)
        assert await session.to_the_end() == 1009
        assert session.events[-1]["type"] == "error"
        assert session.events[-1]["error"]["code"] == "request_too_large"
        await neighbour.append(SPOKEN)
        await neighbour.send("session.close")
        assert await neighbour.to_the_end() == 1000
    assert service.held == {"admitted": 0, "requests": 0, "vad_places": 0}


async def test_overload_is_told_and_may_be_tried_again() -> None:
    async with (
        model_free_service(admission=AdmissionOptions(max_streams=1)) as service,
        GatewayServer(service) as server,
        connect(server.target) as session,
    ):
        await session.open("es")
        async with connect(server.target) as second:
            await second.update(audio={"output": {"language": "es"}})
            assert await second.to_the_end() == 1013
            error = second.of("error")[0]["error"]
            assert (error["type"], error["code"]) == ("rate_limit_error", "overloaded")


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[tuple[GatewayServer, str]]:
    """A server that asks for keys, and a key."""
    key, file = new_key(), tmp_path / "keys"
    file.write_text(key_line("alice", key))
    async with (
        model_free_service() as service,
        GatewayServer(service, callers=Callers(ApiKeys(file))) as server,
    ):
        yield server, key


async def test_a_key_in_the_header_or_in_a_subprotocol(keyed: tuple[GatewayServer, str]) -> None:
    server, key = keyed
    for options in (
        {"headers": {"Authorization": f"Bearer {key}"}},
        {"protocols": ("realtime", f"openai-insecure-api-key.{key}")},
    ):
        async with connect(server.target, **options) as session:
            await session.open("es")
            assert session.raw.protocol == ("realtime" if "protocols" in options else None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {"Authorization": "Bearer wrong"}},
        {"headers": {"Authorization": "Basic wrong"}},
        {"protocols": ("realtime", "openai-insecure-api-key.wrong")},
    ],
    ids=range(4),
)
async def test_without_a_valid_key_a_session_is_refused(
    keyed: tuple[GatewayServer, str], options: dict[str, Any]
) -> None:
    server, _ = keyed
    async with connect(server.target, **options) as session:
        assert await session.to_the_end() == 1008
        assert session.kinds() == ["error"]
        assert session.events[0]["error"]["code"] == "invalid_api_key"
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.target}/v1/models", headers=options.get("headers")) as response,
    ):
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["error"]["code"] == "invalid_api_key"


async def test_a_key_in_a_subprotocol_gets_into_no_log(
    keyed: tuple[GatewayServer, str], caplog: pytest.LogCaptureFixture
) -> None:
    server, key = keyed
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        async with connect(server.target, protocols=(f"openai-insecure-api-key.{key}",)):
            pass
    async with connect(server.target, protocols=("realtime", f"openai-insecure-api-key.{key}x")) as session:
        assert await session.to_the_end() == 1008
    assert key not in caplog.text


async def test_what_is_not_there_is_said_in_openais_shape(server: GatewayServer) -> None:
    async with aiohttp.ClientSession(server.target) as http:
        for method, path, status, code, told in (
            ("GET", "/v1/nothing", 404, "not_found", {}),
            ("GET", "/v1/models/nothing", 404, "model_not_found", {}),
            ("POST", "/v1/models", 405, "method_not_allowed", {"Allow": "GET,HEAD"}),
            ("GET", TRANSLATIONS, 426, "upgrade_required", {"Upgrade": "websocket"}),
        ):
            async with http.request(method, path) as response:
                assert response.status == status
                assert response.headers.items() >= told.items()
                assert (await response.json())["error"]["code"] == code
                assert response.headers["x-request-id"].startswith("req_")


async def test_a_session_without_a_language_ends_in_time(service: ModelFreeService) -> None:
    options = GatewayOptions(config_timeout_s=0.1)
    async with GatewayServer(service, options) as server, connect(server.target) as session:
        assert await session.to_the_end() == 1008
        assert session.of("error")[0]["error"]["code"] == "timeout"


async def test_idle_connections_keep_nobody_out_for_long(service: ModelFreeService) -> None:
    """Of eight places two may be taken for long; the others are free again soon. No address has more than
    two.
    """
    options = GatewayOptions(max_unopened_streams=8, crowded_timeout_s=0.5)
    async with GatewayServer(service, options) as server, AsyncExitStack() as stack:
        idle = []
        for number in range(8):
            connection = connect(server.target, source=f"127.0.0.{1 + number // 2}")
            idle.append(await stack.enter_async_context(connection))
            await idle[-1].until("session.created")
        async with connect(server.target) as third:
            assert await third.to_the_end() == 1013
        assert await asyncio.gather(*(each.to_the_end() for each in idle[2:])) == [1008] * 6
        assert idle[-1].events[-1]["error"]["code"] == "timeout"
        async with connect(server.target, source="127.0.0.9") as newcomer:
            await newcomer.open("es")
        for each in idle[:2]:
            await each.open("es")
