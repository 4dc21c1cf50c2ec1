"""Guards against hallucinated text: each stops what users complain about, and changes nothing else.

The complaints come from users of SeamlessM4T. Their numbers are those of the reports at
github.com/facebookresearch/seamless_communication.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checkpoints import MAX_NEW_TOKENS, utterances
from tests.engine.runner_harness import shared_runner, text_languages
from tests.fakes.fake_runner import FakeRunner, FakeTranslation
from tests.fakes.fake_tokenizer import PROMPT_TOKENS, FakeTokenizer
from training.starter.grammar import LANGUAGES, Grammar
from training.starter.tokenizer import StarterTokenizer
from translate_svc.engine.core import EngineCore, Runner
from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    SequenceFinished,
    StopReason,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec, TextGuards
from translate_svc.engine.text.guards import MAX_REPETITIONS, is_loop, max_text_tokens
from translate_svc.types import Samples

ROOT = Path(__file__).resolve().parents[3]
ALL = TextGuards(repetition_stop=True, length_stop=True, script_check=True)
TOKENIZER = FakeTokenizer()
A, B = TOKENIZER.text_ids[0], TOKENIZER.text_ids[2]
SECOND = np.zeros(16_000, np.float32)


def say(
    token_ids: Sequence[int],
    guards: TextGuards,
    *,
    language: str = "eng",
    source: Samples = SECOND,
    tokenizer: FakeTokenizer = TOKENIZER,
) -> tuple[list[EngineEvent], FakeRunner]:
    """Runs a model that outputs ``token_ids`` for ``source``, as text and speech, on the fake runner."""
    runner = FakeRunner(lambda samples, sequence: FakeTranslation(tuple(token_ids), units=40))
    core = EngineCore(Scheduler(EngineLimits(), tokenizer), runner)
    spec = SequenceSpec(language, speech=True, guards=guards)
    core.scheduler.add(Request("r", source, (spec,)))
    return run(core), runner


def run(core: EngineCore) -> list[EngineEvent]:
    events: list[EngineEvent] = []
    while core.scheduler.has_work:
        events += core.step()
    return events


def text_of(events: Sequence[EngineEvent]) -> TextFinished:
    (text,) = [event for event in events if isinstance(event, TextFinished)]
    return text


def status_of(events: Sequence[EngineEvent]) -> FinishStatus:
    (finished,) = [event for event in events if isinstance(event, SequenceFinished)]
    return finished.status


def said(events: Sequence[EngineEvent]) -> list[int]:
    return [event.token_id for event in events if isinstance(event, TokenDecoded)]


def spoken(runner: FakeRunner) -> list[int]:
    """The tokens that text-to-unit was given."""
    (item,) = [item for plan in runner.plans for item in plan.text_to_unit]
    return list(item.token_ids[PROMPT_TOKENS:])


# ------------------------------------------------------------------ repetition


@pytest.mark.parametrize("period", MAX_REPETITIONS)
def test_a_repetition_loop_is_stopped_and_the_text_so_far_is_spoken(period: int) -> None:
    """Complaints 84 and 104: the model repeats a phrase until it runs out of tokens."""
    start, phrase = [B, A, B], [*TOKENIZER.text_ids[3:], A]
    loop = list(itertools.islice(itertools.cycle((phrase * 2)[:period]), 240))
    events, runner = say(start + loop, TextGuards(repetition_stop=True))
    kept = start + loop[: period * MAX_REPETITIONS[period]]
    assert said(events) == spoken(runner) == kept
    assert (text_of(events).stop, status_of(events)) == (StopReason.REPETITION, FinishStatus.TRUNCATED)
    assert any(isinstance(event, WaveformPiece) and event.final for event in events)
    unguarded, _ = say(start + loop, dataclasses.replace(ALL, repetition_stop=False, length_stop=False))
    assert said(unguarded) == start + loop


@pytest.mark.parametrize(
    "repeated",
    [
        ["very"] * 8,
        ["no", ","] * 7,
        ["two"] * 11,
        ["ha"] * 12,
        ["bye", "-"] * 6,
        ["come", "on", "!"] * 6,
        ["let", "'", "s", "go"] * 5,
        ["can", "you", "hear", "me", "?"] * 4,
        ["row", "row", "row", "your", "boat", ","] * 4,
        ["thank", "you", "very", "much", "for", "that", "."] * 3,
    ],
    ids=" ".join,
)
def test_people_may_repeat_themselves(repeated: list[str]) -> None:
    ids = [sum(word.encode()) for word in ["so", *repeated, "and", "so", "on"]]
    assert not any(is_loop(ids[:end], ids[end]) for end in range(len(ids)))


@pytest.fixture(scope="module")
def corpus() -> list[dict[str, list[int]]]:
    """Sentences of the starter's domain, in every language, in tokens."""
    tokenizer = StarterTokenizer.load(ROOT / "model_cache" / "starter")
    sampler, rng = Grammar.load().sampler("train"), np.random.default_rng(0)
    texts = [sampler.draw(rng).text for _ in range(2_500)]
    return [{language: tokenizer.encode(text[language]) for language in LANGUAGES} for text in texts]


def test_no_true_sentence_is_taken_for_a_loop(corpus: list[dict[str, list[int]]]) -> None:
    """Thousands of sentences, each said three times over."""
    sentences = [ids * 3 for texts in corpus for ids in texts.values()]
    assert not any(is_loop(ids[:end], ids[end]) for ids in sentences for end in range(10, len(ids)))


@given(st.lists(st.integers(4, 6), max_size=60), st.integers(4, 6))
def test_a_loop_is_what_ends_in_one_repetition_too_many(ids: list[int], following: int) -> None:
    def repetitions(period: int) -> int:
        phrase, count = ids[-period:], 0
        while len(ids) >= (count + 1) * period and ids[len(ids) - (count + 1) * period :][:period] == phrase:
            count += 1
        return count if phrase and phrase[0] == following else 0

    assert is_loop(ids, following) == any(
        repetitions(period) >= most for period, most in MAX_REPETITIONS.items()
    )


def test_a_model_of_random_weights_loops_and_is_stopped() -> None:
    """Greedy decoding with random weights loops, as real weights do on noise."""

    def translate(guards: TextGuards) -> dict[str, list[int]]:
        limits = EngineLimits(
            max_slots=8, max_slot_tokens=MAX_NEW_TOKENS + PROMPT_TOKENS, max_source_samples=160_000
        )
        runner: Runner = shared_runner()
        core = EngineCore(Scheduler(limits, _NumberTokenizer()), runner)
        for index, samples in enumerate(utterances("tiny")):
            core.scheduler.add(Request(f"r{index}", samples, (SequenceSpec("eng", guards=guards),)))
        events = run(core)
        stops = {each.request_id: each.stop for each in events if isinstance(each, TextFinished)}
        assert len(stops) == len(utterances("tiny"))
        looped = {name for name, stop in stops.items() if stop is StopReason.REPETITION}
        assert bool(looped) == guards.repetition_stop
        return {name: said([each for each in events if each.request_id == name]) for name in stops}

    free, guarded = translate(TextGuards()), translate(TextGuards(repetition_stop=True))
    shortened = {name for name in free if free[name] != guarded[name]}
    assert 0 < len(shortened) < len(free)
    for name in shortened:
        length = len(guarded[name])
        assert guarded[name] == free[name][:length], "the delivered text stays"
        assert is_loop(free[name][:length], free[name][length])


class _NumberTokenizer(FakeTokenizer):
    """Every token of the tiny checkpoint is a word: its number."""

    def id_to_piece(self, token_id: int) -> str:
        return f"▁{token_id}"

    def prompt(self, target_language: str, source_language: str | None = None) -> tuple[int, ...]:
        return self.eos_token_id, text_languages()[target_language]


# ------------------------------------------------------------------ length


def test_text_far_longer_than_its_source_is_stopped() -> None:
    """Complaint 254: silence or noise yields hallucinations, most often more than anybody can have said."""
    babble = np.random.default_rng(0).integers(A, A + 4, 200).tolist()
    events, runner = say(babble, TextGuards(length_stop=True))
    assert said(events) == spoken(runner) == babble[: 32 + 16]
    assert (text_of(events).stop, status_of(events)) == (StopReason.LENGTH, FinishStatus.TRUNCATED)
    unguarded, _ = say(babble, dataclasses.replace(ALL, repetition_stop=False, length_stop=False))
    assert said(unguarded) == babble


def test_a_text_that_just_fits_its_source_is_whole() -> None:
    babble = np.random.default_rng(1).integers(A, A + 4, 32 + 16).tolist()
    events, _ = say(babble, ALL)
    assert (said(events), text_of(events).stop) == (babble, StopReason.END_OF_TEXT)


def test_no_true_translation_comes_near_the_bound(corpus: list[dict[str, list[int]]]) -> None:
    """For texts at most half of the bound; for speech of known length at most two fifths."""
    for texts in corpus:
        for source, target in itertools.permutations(texts.values(), 2):
            assert 2 * len(target) < max_text_tokens((0, *source, 3))
    tokenizer = StarterTokenizer.load(ROOT / "model_cache" / "starter")
    clips = json.loads((ROOT / "tests" / "data" / "clips.json").read_text("utf-8"))["clips"]
    sentences = [sentence for clip in clips for sentence in clip["sentences"]]
    assert len(sentences) > 10
    for sentence in sentences:
        spoken = np.zeros((sentence["end_ms"] - sentence["start_ms"]) * 16, np.float32)
        for text in (sentence["transcript"], sentence["translation"]):
            assert 5 * len(tokenizer.encode(text)) < 2 * max_text_tokens(spoken)


# ------------------------------------------------------------------ script

_WORDS = ("▁привет", "▁мир", "▁hello", "▁world", ",", "▁как", "▁дела")


def test_a_text_in_the_wrong_script_is_written_but_not_spoken() -> None:
    """Complaint 501: very short segments come out in another language than was asked for."""
    tokenizer = FakeTokenizer(languages=("eng", "rus"), pieces=_WORDS)
    hello, world, how, are = (tokenizer.text_ids[index] for index in (0, 1, 5, 6))
    wrong, runner = say([hello, world, how, are], ALL, tokenizer=tokenizer)
    text = text_of(wrong)
    assert (text.text, text.unexpected_script) == ("привет мир как дела", True)
    assert status_of(wrong) is FinishStatus.OK
    assert not any(isinstance(event, UnitsPredicted | WaveformPiece) for event in wrong)
    assert not any(plan.text_to_unit or plan.vocode for plan in runner.plans)
    for guards, language in ((dataclasses.replace(ALL, script_check=False), "eng"), (ALL, "rus")):
        right, _ = say([hello, world, how, are], guards, language=language, tokenizer=tokenizer)
        assert not text_of(right).unexpected_script
        assert any(isinstance(event, WaveformPiece) for event in right)


# ------------------------------------------------------------------ all of them


@given(st.lists(st.sampled_from(TOKENIZER.text_ids), max_size=40))
def test_guards_that_do_not_act_change_nothing(token_ids: list[int]) -> None:
    guarded, _ = say(token_ids, ALL)
    plain, _ = say(token_ids, TextGuards())
    if text_of(guarded).stop is StopReason.END_OF_TEXT:
        assert [_comparable(event) for event in guarded] == [_comparable(event) for event in plain]
    else:
        assert said(guarded) == said(plain)[: len(said(guarded))]


def _comparable(event: EngineEvent) -> object:
    if isinstance(event, WaveformPiece):
        return event.start_samples, event.samples.tobytes(), event.final
    if isinstance(event, RequestFinished):
        return event.status, event.error  # without what the clock says
    return event
