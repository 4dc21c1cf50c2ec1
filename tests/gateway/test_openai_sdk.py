"""The unmodified ``openai`` SDK against a real server with the starter checkpoint."""

from __future__ import annotations

import asyncio
import base64
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI
from openai.types.websocket_reconnection import ReconnectingEvent, ReconnectingOverrides

from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import base64_parts, clip, from_pcm16, pcm16
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PARTS = base64_parts(pcm16(clip("demo_eng.flac")))
SPANISH = {"audio": {"output": {"language": "es"}}}


def _check(events: list[Any]) -> None:
    """What the demo says, in Spanish: words of the text, and speech of about its length."""
    kinds = [event.type for event in events]
    assert kinds[:2] == ["session.created", "session.updated"]
    assert kinds[-1] == "session.closed"
    assert "error" not in kinds
    text = "".join(event.delta for event in events if event.type == "session.output_transcript.delta")
    assert "vecino" in text
    assert "  " not in text
    audio = b"".join(
        base64.b64decode(event.delta) for event in events if event.type == "session.output_audio.delta"
    )
    speech = from_pcm16(audio)
    assert 2 < len(speech) / 24_000 < 10
    assert np.abs(speech).max() > 0.1


async def test_asynchronous(starter: GatewayServer) -> None:
    events = []
    async with (
        AsyncOpenAI(api_key="k", base_url=f"{starter.target}/v1") as client,
        client.realtime.translations.connect(model="gpt-realtime-translate") as connection,
    ):
        await connection.session.update(session=SPANISH)  # type: ignore[arg-type]

        async def speak() -> None:
            for part in PARTS:
                await connection.session.input_audio_buffer.append(audio=part)
            await connection.session.close()

        speaking = asyncio.create_task(speak())
        async for event in connection:
            events.append(event)  # noqa: PERF401 - the loop is what a client writes
        await speaking
    _check(events)


async def test_the_hosted_services_usual_update_names_no_source_language(starter: GatewayServer) -> None:
    usual = {
        "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}, "output": {"language": "es"}}
    }
    async with (
        AsyncOpenAI(api_key="k", base_url=f"{starter.target}/v1") as client,
        client.realtime.translations.connect(model="gpt-realtime-translate") as connection,
    ):
        await connection.session.update(session=usual)  # type: ignore[arg-type]
        for part in PARTS:
            await connection.session.input_audio_buffer.append(audio=part)
        await connection.session.close()
        events: list[Any] = [event async for event in connection]
    _check(events)
    heard = "".join(event.delta for event in events if event.type == "session.input_transcript.delta")
    assert "neighbor" in heard


async def test_a_client_secret(starter: GatewayServer) -> None:
    async with AsyncOpenAI(api_key="k", base_url=f"{starter.target}/v1") as client:
        made = await client.realtime.translations.client_secrets.create(
            session={"model": "gpt-realtime-translate", "audio": {"output": {"language": "fr"}}},
            expires_after={"anchor": "created_at", "seconds": 60},
        )
    assert made.value.startswith("ek_")
    assert made.session.audio.output is not None
    assert made.session.audio.output.language == "fr"
    async with (
        AsyncOpenAI(api_key=made.value, base_url=f"{starter.target}/v1") as client,
        client.realtime.translations.connect(model="gpt-realtime-translate") as connection,
    ):
        created: Any = await connection.recv()
        assert (created.type, created.session.audio.output.language) == ("session.created", "fr")
        await connection.session.close()
        closed = [event.type async for event in connection]
        assert closed == ["session.closed"]


async def test_a_drain_makes_the_sdk_connect_again(starter: GatewayServer) -> None:
    """Here to the same address, where by then another server answers, as behind a load balancer."""
    codes = []

    def on_reconnecting(event: ReconnectingEvent) -> ReconnectingOverrides | None:
        codes.append(event.close_code)
        return None

    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(model_free_service())
        leaving = await stack.enter_async_context(GatewayServer(service))
        client = await stack.enter_async_context(AsyncOpenAI(api_key="k", base_url=f"{leaving.target}/v1"))
        connection = await stack.enter_async_context(
            client.realtime.translations.connect(
                model="m", on_reconnecting=on_reconnecting, initial_delay=0.05
            )
        )
        assert (await connection.recv()).type == "session.created"
        await leaving.stop(0)
        address = leaving.target.removeprefix("http://")
        await stack.enter_async_context(GatewayServer(service, GatewayOptions(address=address)))
        kinds = []
        async for event in connection:
            kinds.append(event.type)
            if event.type == "session.created":
                break
        assert kinds == ["error", "session.created"]
    assert codes == [1012]
