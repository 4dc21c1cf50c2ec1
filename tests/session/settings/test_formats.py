"""A stream in every format, in and out: the same speech is found, and it comes back whole."""

from __future__ import annotations

import asyncio
import dataclasses

import numpy as np
import pytest

from tests.session.harness import check_contract, clip, collect, config, house, of, silence
from tests.virtual_time import virtual_time
from translate_svc.audio.codecs.table import chunk_decoder, chunk_encoder, codec_of
from translate_svc.errors import InvalidArgument
from translate_svc.session.inbound import received_input
from translate_svc.session.options import SessionOptions
from translate_svc.types import (
    AudioFormat,
    AudioInput,
    ClientMessage,
    Closed,
    Encoding,
    EndInput,
    Samples,
    SessionEvent,
    SilenceInput,
    SpeechEnded,
)

S16, F32, MULAW, ALAW = Encoding.PCM_S16LE, Encoding.PCM_F32LE, Encoding.MULAW, Encoding.ALAW
OPUS, G722 = Encoding.OPUS, Encoding.G722


def _buzz(seconds: float, rate_hz: int) -> Samples:
    """What ``AmplitudeVad`` takes for speech and a codec does not take away: a square wave of 200 Hz."""
    time = np.arange(round(seconds * rate_hz))
    return np.where(time * 400 // rate_hz % 2, 0.9, -0.9).astype(np.float32)


def _recording(rate_hz: int) -> Samples:
    """Two utterances of 1 s."""
    return clip(*[_buzz(1, rate_hz), silence(1, rate_hz)] * 2)


def _messages(samples: Samples, audio_format: AudioFormat) -> list[AudioInput]:
    """``[n]`` or ``[n, channels]`` in chunks of 20 ms."""
    encoder = chunk_encoder(audio_format)
    step = audio_format.sample_rate_hz // 50
    encoded = [encoder.encode(samples[start : start + step]) for start in range(0, len(samples), step)]
    return [
        AudioInput(part) for chunk in [*encoded, encoder.flush()] for part in (chunk.packets or (chunk.data,))
    ]


def _count(messages: list[AudioInput], audio_format: AudioFormat) -> int:
    """Samples a channel that the messages stand for."""
    count_samples, channels = codec_of(audio_format).framing.count_samples, audio_format.channels
    return sum(count_samples(message.data, channels, field="") for message in messages)


def _hear(
    samples: Samples, audio_format: AudioFormat, output: AudioFormat | None = None
) -> list[SessionEvent]:
    """All events of a stream of ``samples``, which ends with the right count."""
    stream = dataclasses.replace(config(), input=audio_format, output=output or config().output)
    messages = [message for message in _messages(samples, audio_format) if message.data]
    total = _count(messages, audio_format)

    async def scenario() -> list[SessionEvent]:
        async with house() as home:
            session = home.open(stream)
            for message in messages:
                await session.receive(message)
            await session.receive(EndInput(total))
            return [event async for event in session.events()]

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    return events


@pytest.mark.parametrize(
    ("audio_format", "tolerance_s"),
    [
        (AudioFormat(S16, 16_000), 0.0),
        (AudioFormat(F32, 16_000), 0.0),
        (AudioFormat(MULAW, 8_000), 0.0),
        (AudioFormat(ALAW, 8_000), 0.0),
        (AudioFormat(OPUS, 48_000), 0.04),
        (AudioFormat(G722, 16_000), 0.04),
    ],
    ids=["s16", "f32", "mulaw", "alaw", "opus", "g722"],
)
def test_the_same_utterances_are_found_in_every_encoding(
    audio_format: AudioFormat, tolerance_s: float
) -> None:
    """As in 16-bit samples at the same rate; what others add: a look-ahead, a frame of the grid."""
    recording = _recording(audio_format.sample_rate_hz)
    expected = of(_hear(recording, AudioFormat(S16, audio_format.sample_rate_hz)), SpeechEnded)
    found = of(_hear(recording, audio_format), SpeechEnded)
    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        for mine, theirs in (
            (one.source.start, other.source.start),
            (one.source.end, other.source.end),
        ):
            assert abs(mine - theirs) <= tolerance_s * audio_format.sample_rate_hz


def test_a_packet_stands_for_what_its_framing_says() -> None:
    """Lost or not sent, long or short: positions count on, beside silence that is sent as such."""
    opus = AudioFormat(OPUS, 48_000)
    lost_20_ms, lost_120_ms, lost_2_5_ms = bytes([9 << 3]), bytes([(9 << 3) | 3, 6]), bytes([16 << 3])
    messages: list[ClientMessage] = [
        *(AudioInput(packet) for packet in (lost_20_ms, lost_120_ms, lost_2_5_ms)),
        SilenceInput(1_000),
        AudioInput(lost_2_5_ms),
        EndInput(960 + 5_760 + 120 + 1_000 + 120),
    ]

    async def scenario() -> None:
        async with house() as home:
            session = home.open(dataclasses.replace(config(), input=opus))
            for message in messages:
                await session.receive(message)
            assert of([event async for event in session.events()], Closed)[0].complete

    with virtual_time() as runner:
        runner.run(scenario())


@pytest.mark.parametrize("packet", [b"", b"\x03", bytes([9 << 3]) + bytes(1_276), bytes([(9 << 3) | 3, 7])])
def test_what_is_no_packet_names_the_field_and_counts_for_nothing(packet: bytes) -> None:
    opus = AudioFormat(OPUS, 48_000)
    messages = _messages(_recording(48_000), opus)

    async def scenario() -> None:
        async with house() as home:
            session = home.open(dataclasses.replace(config(), input=opus))
            await session.receive(messages[0])
            with pytest.raises(InvalidArgument) as caught:
                await session.receive(AudioInput(packet))
            assert caught.value.field == "audio.data"
            for message in messages[1:]:
                await session.receive(message)
            await session.receive(EndInput(960 * len(messages)))
            events = [event async for event in session.events()]
        assert len(of(events, SpeechEnded)) == 2

    with virtual_time() as runner:
        runner.run(scenario())


def test_a_packet_that_waits_in_vain_has_not_been_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller cancelled before there was room has sent nothing; the decoder must not have moved on."""
    opus = AudioFormat(OPUS, 48_000)
    messages = _messages(_recording(48_000), opus)

    async def heard(*, cancel: bool) -> list[SpeechEnded]:
        options = SessionOptions(max_queued_events=1, max_queued_input_ms=1_200)
        async with house(options=options) as home:
            decoded: list[bytes] = []

            class Spy:
                def __init__(self, audio_format: AudioFormat) -> None:
                    self._decoder = chunk_decoder(audio_format)

                def decode(self, data: bytes, *, field: str) -> Samples:
                    decoded.append(data)
                    return self._decoder.decode(data, field=field)

            monkeypatch.setattr(received_input, "chunk_decoder", Spy)
            session = home.open(dataclasses.replace(config(), input=opus))
            for message in messages[:60]:
                await session.receive(message)
            if cancel:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(session.receive(messages[60]), timeout=1)
            reader = asyncio.create_task(collect(session))
            for message in messages[60:]:
                await session.receive(message)
            await session.half_close()
            events = await reader
        assert decoded == [message.data for message in messages]
        return of(events, SpeechEnded)

    with virtual_time() as runner:
        assert runner.run(heard(cancel=True)) == runner.run(heard(cancel=False))
