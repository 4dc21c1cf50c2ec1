"""Received speech: a gap is not passed over. The writer's tests show that speech is whole."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.codecs.opus_signals import noise
from translate_svc.audio.codecs.opus_encoder import OpusEncoder
from translate_svc.audio.speech_decoder import SpeechDecoder
from translate_svc.errors import DataLoss, InvalidArgument
from translate_svc.types import AudioFormat, Encoding, SampleRange, SpeechChunk

S16 = AudioFormat(Encoding.PCM_S16LE, 16_000)
OPUS = AudioFormat(Encoding.OPUS, 48_000)


def chunk(start: int, count: int, data: bytes = b"", packets: tuple[bytes, ...] = ()) -> SpeechChunk:
    return SpeechChunk(0, SampleRange(0, 0), "spa", start, data, False, sample_count=count, packets=packets)


def test_chunks_in_their_order() -> None:
    decoder = SpeechDecoder(S16)
    assert len(decoder.decode(chunk(0, 3, bytes(6)))) == 3
    assert len(decoder.decode(chunk(3, 1, bytes(2)))) == 1
    assert len(decoder.decode(chunk(4, 0))) == 0


@pytest.mark.parametrize("start", [0, 2, 4])
def test_a_gap_or_a_repetition_is_data_loss(start: int) -> None:
    decoder = SpeechDecoder(S16)
    decoder.decode(chunk(0, 3, bytes(6)))
    with pytest.raises(DataLoss) as caught:
        decoder.decode(chunk(start, 3, bytes(6)))
    assert caught.value.field == "audio.start_sample"


def test_less_than_was_said_is_data_loss() -> None:
    for output, short in ((S16, chunk(0, 4, bytes(6))), (OPUS, chunk(0, 960, packets=(b"\x48",)))):
        with pytest.raises(DataLoss) as caught:
            SpeechDecoder(output).decode(short)
        assert caught.value.field == "audio.sample_count"


@pytest.mark.parametrize(
    ("output", "bad", "field"),
    [(S16, chunk(0, 1, bytes(3)), "audio.data"), (OPUS, chunk(0, 1, packets=(b"",)), "audio.packets")],
)
def test_what_is_no_audio_names_its_field(output: AudioFormat, bad: SpeechChunk, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        SpeechDecoder(output).decode(bad)
    assert caught.value.field == field


def test_the_look_ahead_is_dropped_once() -> None:
    signal = noise(4_000)
    encoder, decoder = OpusEncoder(), SpeechDecoder(OPUS)
    first = encoder.encode(signal)
    rest = encoder.flush()
    received = [
        decoder.decode(chunk(0, 0)),
        decoder.decode(chunk(0, first.sample_count, packets=first.packets)),
        decoder.decode(chunk(first.sample_count, rest.sample_count, packets=rest.packets)),
    ]
    assert [len(each) for each in received] == [0, 4 * 960 - 312, 4_000 - 4 * 960 + 312]
    assert np.corrcoef(np.concatenate(received), signal)[0, 1] > 0.3


def test_a_look_ahead_longer_than_the_first_chunk_goes_on_in_the_next_one() -> None:
    """Opus packets of 2.5 ms: 312 samples are two and a half of them."""
    lost_2_5_ms, decoder = bytes([16 << 3]), SpeechDecoder(OPUS)
    for _ in range(2):
        assert len(decoder.decode(chunk(0, 0, packets=(lost_2_5_ms,)))) == 0
    assert len(decoder.decode(chunk(0, 48, packets=(lost_2_5_ms,)))) == 48
    with pytest.raises(DataLoss):
        SpeechDecoder(OPUS).decode(chunk(0, 49, packets=(lost_2_5_ms,) * 3))
    decoder = SpeechDecoder(OPUS)
    decoder.decode(chunk(0, 0, packets=(lost_2_5_ms,) * 2))
    with pytest.raises(DataLoss):
        decoder.decode(chunk(0, 49, packets=(lost_2_5_ms,)))
