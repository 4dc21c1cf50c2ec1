"""One sequence of an utterance: what its chunks show."""

from __future__ import annotations

import numpy as np

from translate_svc.engine.request import SequenceSpec, UnitsPredicted, WaveformPiece
from translate_svc.session.negotiation import LaneKey, LaneKind, PlannedSequence
from translate_svc.session.outbound.live_sequence import Heard, LiveSequence
from translate_svc.types import AudioFormat, Encoding, SampleRange, SpeechChunk

OUTPUT = AudioFormat(Encoding.PCM_F32LE, 16_000)


def test_units_of_a_draft_without_a_chunk_come_with_the_next_one() -> None:
    plan = PlannedSequence(SequenceSpec("spa", speech=True), None, LaneKey(LaneKind.AUDIO, "spa"))
    sequence = LiveSequence(0, plan, OUTPUT)

    def chunk(request_id: str) -> SpeechChunk | None:
        piece = WaveformPiece(request_id, 0, 0, np.zeros(640, np.float32), final=False)
        return sequence.speech_chunk(piece, SampleRange(0, 0), Heard(0, 0))

    sequence.record_units(UnitsPredicted("u/1", 0, (4,), (1,)))
    sequence.record_units(UnitsPredicted("u/2", 0, (5, 6, 7), (2, 1)))
    first, second = chunk("u/2"), chunk("u/2")
    assert first is not None
    assert second is not None
    assert (first.units, first.character_durations) == ((4, 5, 6, 7), (1, 2, 1))
    assert (second.units, second.character_durations) == ((), ())
