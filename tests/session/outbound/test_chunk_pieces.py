"""Speech in pieces that a slow reader can take one by one."""

from __future__ import annotations

import pytest

from translate_svc.session.outbound.chunk_pieces import MAX_SPEECH_BYTES, pieces
from translate_svc.types import SampleRange, SpeechChunk


def chunk(data: bytes, sample_count: int, *, final: bool = True) -> SpeechChunk:
    source, units, durations = SampleRange(1, 2), (7, 8), (1,)
    return SpeechChunk(
        3, source, "spa", 100, data, final, units, durations, output_lag_ms=9, sample_count=sample_count
    )


@pytest.mark.parametrize("sample_bytes", [1, 2, 4])
@pytest.mark.parametrize("samples", [0, 1, 8_191, 8_192, 32_768, 32_769, 96_001])
def test_they_sum_up_to_the_whole(samples: int, sample_bytes: int) -> None:
    data = bytes(range(256)) * (samples * sample_bytes // 256 + 1)
    whole = chunk(data[: samples * sample_bytes], samples)
    parts = list(pieces(whole))
    assert b"".join(part.data for part in parts) == whole.data
    assert all(len(part.data) == part.sample_count * sample_bytes <= MAX_SPEECH_BYTES for part in parts)
    position = whole.start_sample
    for part in parts:
        assert part.start_sample == position
        position += part.sample_count
    assert position == whole.start_sample + samples
    assert [part.final for part in parts] == [False] * (len(parts) - 1) + [True]
    assert (parts[0].units, parts[0].character_durations) == ((7, 8), (1,))
    assert not any(part.units or part.character_durations for part in parts[1:])
    assert {(part.utterance_id, part.source, part.language, part.output_lag_ms) for part in parts} == {
        (3, SampleRange(1, 2), "spa", 9)
    }


def test_what_is_not_the_end_has_no_end() -> None:
    assert not any(part.final for part in pieces(chunk(bytes(100_000), 50_000, final=False)))
