"""One sequence of an utterance: what its chunks show."""

from __future__ import annotations

import numpy as np
import pytest

from translate_svc.engine.events import UnitsPredicted, WaveformPiece
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.commit_policy import CommitDecision, Hypothesis
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechContext
from translate_svc.engine.simultaneous.kept_history import KeptHistory
from translate_svc.session.settings.planned_sequence import LaneKey, LaneKind, PlannedSequence
from translate_svc.session.utterances.live_sequence import LiveSequence, SourcePosition
from translate_svc.session.utterances.speech_writer import Playout, hypothesis_pace
from translate_svc.types import AudioFormat, Encoding, SampleRange, SpeechChunk

OUTPUT = AudioFormat(Encoding.PCM_F32LE, 16_000)


def test_units_of_a_hypothesis_without_a_chunk_come_with_the_next_one() -> None:
    plan = PlannedSequence(SequenceSpec("spa", speech=True), None, LaneKey(LaneKind.AUDIO, "spa"))
    sequence = LiveSequence(0, plan, OUTPUT)

    def chunk(request_id: str) -> SpeechChunk | None:
        piece = WaveformPiece(request_id, 0, 0, np.zeros(640, np.float32), final=False)
        return sequence.speech_chunk(piece, SampleRange(0, 0), SourcePosition(0, 0))

    sequence.record_units(UnitsPredicted("u/1", 0, (4,), (1,)))
    sequence.record_units(UnitsPredicted("u/2", 0, (5, 6, 7), (2, 1)))
    first, second = chunk("u/2"), chunk("u/2")
    assert first is not None
    assert second is not None
    assert (first.units, first.character_durations) == ((4, 5, 6, 7), (1, 2, 1))
    assert (second.units, second.character_durations) == ((), ())


@pytest.mark.parametrize(
    ("catch_up", "until_s", "plays"), [(0.8, 2.0, True), (0.8, 4.0, False), (None, 2.0, False)]
)
def test_only_speech_that_catches_up_asks_whether_earlier_speech_still_plays(
    catch_up: float | None, until_s: float, plays: bool
) -> None:
    """Other speech is the same in a replay, whenever that is."""
    spec, lane = SequenceSpec("spa", speech=True), LaneKey(LaneKind.AUDIO, "spa")
    sequence = LiveSequence(0, PlannedSequence(spec, None, lane, catch_up), OUTPUT)
    playout = Playout()
    playout.push(now_s=1.0, duration_s=2.0)
    assert sequence.playback_pending(playout, until_s) == plays
    assert not sequence.playback_pending(None, until_s)


@pytest.mark.parametrize(("now_s", "factors"), [(1.5, (0.8, 0.3)), (4.0, (1.0, 1.0))])
def test_speech_that_catches_up_gives_up_pauses_too(now_s: float, factors: tuple[float, float]) -> None:
    spec, lane = SequenceSpec("spa", speech=True), LaneKey(LaneKind.AUDIO, "spa")
    sequence = LiveSequence(0, PlannedSequence(spec, None, lane, 0.8), OUTPUT)
    playout = Playout()
    playout.push(now_s=1.0, duration_s=2.0)
    asked = sequence.paced_spec(playout, now_s, source_s=2.0)
    assert (asked.duration_factor, asked.pause_factor) == factors
    assert LiveSequence(0, PlannedSequence(spec, None, lane), OUTPUT).paced_spec(playout, now_s, 2.0) == spec


def test_a_hypothesis_is_paced_by_all_that_was_not_heard() -> None:
    """Sound that plays, units that wait, and words that wait: they last as long as those before them."""
    spec, lane = SequenceSpec("spa", speech=True), LaneKey(LaneKind.AUDIO, "spa")
    sequence = LiveSequence(0, PlannedSequence(spec, None, lane, 0.8), OUTPUT)
    empty = Hypothesis((), (), 0, 0, (), 0, True, ())
    sequence.record_hypothesis(
        HypothesisDecided("u/1", 0, empty, CommitDecision(14, 0, None), KeptHistory((), 0))
    )
    sequence.record_units(UnitsPredicted("u/1", 0, (0,) * 100, ()), is_shown=False)
    playout = Playout()
    playout.push(now_s=1.0, duration_s=0.75)
    waiting = SpeechContext(np.zeros(32, np.int64), 0, 7, unspoken_tokens=4)
    expected = hypothesis_pace(
        0.75 + 25 * 0.02 + 4 * 10 * 0.02, duration_factor=1.0, catch_up_duration_factor=0.8
    )
    asked = sequence.paced_hypothesis_spec(playout, 1.0, waiting)
    assert (asked.duration_factor, asked.pause_factor) == pytest.approx(expected)
    assert expected[0] < 1.0
    patient = LiveSequence(0, PlannedSequence(spec, None, lane), OUTPUT)
    assert patient.paced_hypothesis_spec(playout, 1.0, waiting) == spec
    assert sequence.paced_hypothesis_spec(None, 1.0, waiting) == spec
