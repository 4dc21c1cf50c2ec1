"""Units of speech: a client that asks for them gets all of them, with the samples that they became."""

from __future__ import annotations

from typing import Any

from translate_svc.gateway.realtime.translation_events import TranslationEvents
from translate_svc.languages import packaged
from translate_svc.types import SampleRange, SpeechChunk


def _chunk(samples: int, units: tuple[int, ...], *, final: bool = False) -> SpeechChunk:
    return SpeechChunk(
        utterance_id=0,
        source=SampleRange(0, 24_000),
        language="spa",
        start_sample=0,
        data=bytes(2 * samples),
        final=final,
        units=units,
        character_durations=tuple(1 for _ in units),
        sample_count=samples,
    )


def _encode(*chunks: SpeechChunk) -> list[dict[str, Any]]:
    events = TranslationEvents(packaged(), 24_000)
    events._include = frozenset({"units"})
    return [wire for chunk in chunks for wire in events.encode(chunk)]


def test_units_of_a_piece_that_has_no_samples_yet_come_with_the_next_one() -> None:
    (wire,) = _encode(_chunk(0, (1, 2)), _chunk(480, (3,)))
    assert wire["units"] == [1, 2, 3]
    assert wire["character_durations"] == [1, 1, 1]


def test_units_are_sent_once() -> None:
    first, second = _encode(_chunk(480, (1, 2)), _chunk(480, (), final=True))
    assert first["units"] == [1, 2]
    assert "units" not in second
