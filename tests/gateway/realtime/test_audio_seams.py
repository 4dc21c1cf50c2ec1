"""A sine goes through every boundary there is, and comes out as the same sine."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import RATE_HZ, connect, from_pcm16, pcm16, tone
from translate_svc.audio.resampler import Resampler
from translate_svc.engine.request import Request
from translate_svc.gateway.server import GatewayServer
from translate_svc.types import Samples

MANUAL = {"input": {"turn_detection": None}}
TONE_HZ = 300.0
EDGE = 120
"""Samples at either end of a speech in which its abrupt beginning and end ring: 5 ms."""


def _resampled(samples: Samples) -> Samples:
    resampler = Resampler(RATE_HZ, 16_000)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def _script(heard: list[Samples], piece_units: tuple[int, ...]) -> object:
    def script(request: Request) -> ScriptedRequest:
        heard.append(samples_of(request))
        one = ScriptedSequence(piece_units=piece_units, tone_hz=TONE_HZ, piece_interval_s=0.0)
        return ScriptedRequest((one,) * len(request.sequences), encode_s=0.0)

    return script


@pytest.mark.parametrize("part_bytes", [1, 7, 1_919, 9_600, 9_601, 200_001])
async def test_the_engine_hears_what_was_sent(part_bytes: int) -> None:
    """Messages of any length, odd ones too; and an utterance that ends in the middle of the sine."""
    heard: list[Samples] = []
    duration_s = 0.3 if part_bytes == 1 else 2.3
    sine, cut = pcm16(tone(duration_s)), 2 * round(0.6 * duration_s * RATE_HZ)
    async with (
        model_free_service(_script(heard, (5,))) as service,  # type: ignore[arg-type]
        GatewayServer(service) as server,
        connect(server.target) as session,
    ):
        await session.open("es", audio=MANUAL)
        await session.append(sine[:cut], part_bytes)
        await session.send("session.input_audio_buffer.commit")
        await session.append(sine[cut:], part_bytes)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    parts = [from_pcm16(sine[:cut]), from_pcm16(sine[cut:])]
    assert [len(each) for each in heard] == [len(_resampled(part)) for part in parts]
    for samples, part in zip(heard, parts, strict=True):
        np.testing.assert_allclose(samples, _resampled(part), atol=1e-4)


async def test_a_clear_drops_half_a_sample_too() -> None:
    """It was put before what came then, all of whose samples were of halves of two: noise."""
    heard: list[Samples] = []
    sine = pcm16(tone(0.6))
    async with (
        model_free_service(_script(heard, (5,))) as service,  # type: ignore[arg-type]
        GatewayServer(service) as server,
        connect(server.target) as session,
    ):
        await session.open("es", audio=MANUAL)
        await session.append(sine[: len(sine) // 2 + 1])
        await session.send("session.input_audio_buffer.clear")
        await session.append(sine)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    np.testing.assert_allclose(heard[-1], _resampled(from_pcm16(sine)), atol=1e-4)


@pytest.mark.parametrize("piece_units", [(1, 1, 1, 1, 7), (25, 50), (3, 200)])
async def test_the_client_hears_what_was_spoken(piece_units: tuple[int, ...]) -> None:
    """Pieces of the vocoder, and messages that a long piece is split into."""
    async with (
        model_free_service(_script([], piece_units)) as service,  # type: ignore[arg-type]
        GatewayServer(service) as server,
        connect(server.target) as session,
    ):
        await session.open("es", "de", audio=MANUAL)
        for _ in range(2):
            await session.append(pcm16(tone(0.5)))
            await session.send("session.input_audio_buffer.commit")
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    count = sum(piece_units) * 320 * 3 // 2
    expected = 0.25 * np.sin(2 * np.pi * TONE_HZ * np.arange(count) / RATE_HZ)
    for language in ("es", "de"):
        speech = session.speech(language)
        assert len(speech) == 2 * count, "two utterances"
        for start in (0, count):
            inner = speech[start + EDGE : start + count - EDGE]
            np.testing.assert_allclose(inner, expected[EDGE:-EDGE], atol=2e-3)
    deltas = session.of("session.output_audio.delta")
    assert all(
        (each["format"], each["sample_rate"], each["channels"]) == ("pcm16", RATE_HZ, 1) for each in deltas
    )
