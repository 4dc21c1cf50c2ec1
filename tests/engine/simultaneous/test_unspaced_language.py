"""A language without spaces through scheduler and a tiny random model that writes one."""

from __future__ import annotations

import unicodedata

import numpy as np

from tests.checkpoints import wandering_tone
from tests.engine.simultaneous.hypothesis_harness import HypothesisHarness, of
from translate_svc.engine.events import FinishStatus, RequestFinished, TextFinished, TokenDecoded
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.commit_policy import AlignAtt
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechCarriedOver
from translate_svc.engine.simultaneous.kept_history import HISTORY_CHARACTERS
from translate_svc.engine.simultaneous.words import character_count
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.session.utterances.hypothesis_builder import HypothesisBuilder

JAPANESE = (SequenceSpec("jpn"),)
STEP_SAMPLES, MOST_SAMPLES = 12_800, 6 * 16_000
AUDIO = np.concatenate([wandering_tone(STEP_SAMPLES, seed) for seed in range(24)])


def test_words_come_and_history_and_buffer_shrink() -> None:
    house = HypothesisHarness("unspaced")
    options = SimultaneousOptions(800, MOST_SAMPLES // 16, AlignAtt(1), house.traits.frame_samples, 1_600)
    builder = HypothesisBuilder("u", options, len(JAPANESE))
    text, said, starts, histories = "", "", [], []
    for end in range(STEP_SAMPLES, len(AUDIO) + 1, STEP_SAMPLES):
        is_final = end == len(AUDIO)
        first = max(0, end - MOST_SAMPLES)
        request = builder.hypothesis(AUDIO[first:end], first, JAPANESE, is_final=is_final, source_times=False)
        starts.append(end - len(request.source))  # type: ignore[arg-type]
        (events,) = house.run(request)
        assert of(events, RequestFinished)[0].status is not FinishStatus.FAILED
        (decided,) = of(events, HypothesisDecided)
        hypothesis, decision = decided.hypothesis, decided.decision
        assert not hypothesis.spaced
        history = hypothesis.pieces[: hypothesis.history_tokens]
        histories.append(character_count(history))
        assert histories[-1] <= 2 * HISTORY_CHARACTERS, "of the sentence that goes on, and of the one before"
        committed = hypothesis.new_pieces[: decision.committed]
        rest = hypothesis.new_pieces[decision.committed :]
        assert not rest or not unicodedata.combining(rest[0][0]), "a letter is cut from its mark"
        text += "".join(committed)
        said += "".join(each.text for each in of(events, TokenDecoded))
        said += "".join(each.tail for each in of(events, TextFinished))
        builder.record(decided)
        for kept in of(events, SpeechCarriedOver):
            builder.record(kept)
        builder.finish_hypothesis()
    assert starts == sorted(starts)
    assert starts[-1] > len(AUDIO) - MOST_SAMPLES, "the buffer shrinks by its text, not by its bound alone"
    assert max(histories) > HISTORY_CHARACTERS // 2
    assert len(said) > 60, "text comes while somebody speaks"
    assert said.replace(" ", "") == text.replace("\u2581", "")
    assert any(map(unicodedata.combining, said)), "the text has letters with marks"
