"""Speech on its way out: whole, at its rate, in its encoding, and nothing of the one before."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.codecs.opus_signals import snr_db, spoken
from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.resampler import resample, resampled_length
from translate_svc.audio.speech_decoder import SpeechDecoder
from translate_svc.session.utterances.speech_writer import SpeechWriter
from translate_svc.types import AudioFormat, Encoding, SampleRange, Samples, SpeechChunk

FORMATS = {
    "pcm_s16le at 44.1 kHz": (AudioFormat(Encoding.PCM_S16LE, 44_100), 60),
    "pcm_f32le at 24 kHz": (AudioFormat(Encoding.PCM_F32LE, 24_000), 100),
    "mulaw at 8 kHz": (AudioFormat(Encoding.MULAW, 8_000), 30),
    "alaw at 8 kHz": (AudioFormat(Encoding.ALAW, 8_000), 30),
    "g722": (AudioFormat(Encoding.G722, 16_000), 18),
    "opus": (AudioFormat(Encoding.OPUS, 48_000), 5),
}
SPEECH = resample(spoken(), 48_000, 16_000)


def write(samples: Samples, piece_samples: int, output: AudioFormat) -> list[EncodedChunk]:
    writer = SpeechWriter(output)
    parts = [samples[start : start + piece_samples] for start in range(0, len(samples), piece_samples)]
    return [writer.write(part, final=index == len(parts) - 1) for index, part in enumerate(parts)]


def read(chunks: list[EncodedChunk], output: AudioFormat) -> Samples:
    decoder, place, received = SpeechDecoder(output), 0, []
    for chunk in chunks:
        count = chunk.sample_count
        event = SpeechChunk(
            0, SampleRange(0, 0), "spa", place, chunk.data, False, sample_count=count, packets=chunk.packets
        )
        received.append(decoder.decode(event))
        place += count
    return np.concatenate(received)


@pytest.mark.parametrize("case", FORMATS)
def test_what_is_written_can_be_heard_to_its_last_sample(case: str) -> None:
    output, least_snr_db = FORMATS[case]
    expected = resample(SPEECH, 16_000, output.sample_rate_hz)
    received = read(write(SPEECH, 6_400, output), output)
    assert len(received) == len(expected) == resampled_length(len(SPEECH), 16_000, output.sample_rate_hz)
    assert snr_db(received, expected) > least_snr_db


@pytest.mark.parametrize("case", FORMATS)
def test_pieces_never_show(case: str) -> None:
    output, _ = FORMATS[case]
    whole = sum(write(SPEECH, len(SPEECH), output), EncodedChunk())
    assert sum(write(SPEECH, 320, output), EncodedChunk()) == whole
    assert whole.data or whole.packets


@pytest.mark.parametrize("case", FORMATS)
def test_a_speech_may_be_empty_or_shorter_than_anything(case: str) -> None:
    output, _ = FORMATS[case]
    empty = SpeechWriter(output).write(SPEECH[:0], final=True)
    assert empty == EncodedChunk()
    writer = SpeechWriter(output)
    chunk = writer.write(SPEECH[8_000:8_004], final=True)
    assert writer.written_samples == chunk.sample_count == resampled_length(4, 16_000, output.sample_rate_hz)
    assert len(read([chunk], output)) == chunk.sample_count
