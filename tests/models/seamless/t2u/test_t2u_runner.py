"""Texts to units in batches, plain and with both halves captured: each text as if it were alone."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches, stale_capturer
from tests.models.seamless.modules import checkpoint, text_to_unit
from translate_svc.errors import EngineError, InvariantViolation
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.seamless.t2u import t2u_graphs
from translate_svc.models.seamless.t2u.characters import CharacterSequence
from translate_svc.models.seamless.t2u.t2u_backend import EagerT2u, T2uBackend, silent
from translate_svc.models.seamless.t2u.t2u_graphs import T2uGraphs
from translate_svc.models.seamless.t2u.t2u_runner import MIN_PAUSE_UNITS, T2uRunner
from translate_svc.models.seamless.t2u.t2u_shape import T2uShape
from translate_svc.models.speech_model import SpeechUnits, T2uInput

SLOTS, PLACES = 12, 100
LENGTHS = [5, 17, 3, 40, 9, 28, 12, 99, 6, 33, 21, 60]


@pytest.fixture(autouse=True)
def _inference() -> object:
    with torch.inference_mode():
        yield


@pytest.fixture(params=[False, True], ids=["plain", "captured"])
def speaker(request: pytest.FixtureRequest) -> T2uRunner:
    return shared_speaker(captured=request.param)


def states() -> Tensor:
    return 2 * torch.randn(SLOTS, PLACES, 32, generator=torch.Generator().manual_seed(0))


def new_speaker(*, captured: bool, held: Tensor | None = None) -> T2uRunner:
    table = checkpoint("tiny").character_table()
    made = T2uRunner(text_to_unit("tiny"), states() if held is None else held, table)
    if captured:
        made.capture(FakeGraphCapturer(), CaptureCount())
    return made


@functools.cache
def shared_speaker(*, captured: bool) -> T2uRunner:
    """One for all tests: it forgets earlier texts, and a capture takes half a second."""
    return new_speaker(captured=captured)


def text(slot: int, *, factor: float = 1.0, length: int | None = None) -> T2uInput:
    tokens = torch.randint(4, 90, (length or LENGTHS[slot],), generator=torch.Generator().manual_seed(slot))
    return T2uInput(slot, (3, 97, *tokens.tolist()[2:]), factor)


def spoken(made: SpeechUnits | EngineError) -> SpeechUnits:
    assert isinstance(made, SpeechUnits)
    return made


def told(speeches: Sequence[SpeechUnits | EngineError]) -> list[object]:
    """Something that compares."""
    return [
        str(each) if isinstance(each, EngineError) else (each.units.tolist(), each.character_durations)
        for each in speeches
    ]


@functools.cache
def alone_in_its_runner(each: T2uInput) -> object:
    """What a text becomes in a runner that speaks nothing else. It is the same each time."""
    (made,) = told(new_speaker(captured=False).speeches([each]))
    return made


def alone(texts: Sequence[T2uInput]) -> list[object]:
    return [alone_in_its_runner(each) for each in texts]


@pytest.mark.parametrize(
    "slots", [[0], [3], [1, 2], [7, 0, 4], [5, 3, 8, 2, 0, 1, 4, 6], list(range(SLOTS)), [7, 11, 9]], ids=str
)
def test_each_text_is_as_if_it_were_alone(slots: list[int], speaker: T2uRunner) -> None:
    texts = [text(slot) for slot in slots]
    for _ in range(2):  # the second time over what the first one left
        assert told(speaker.speeches(texts)) == alone(texts)


@pytest.mark.parametrize("factor", [0.5, 1.7])
def test_each_text_has_its_own_tempo(factor: float, speaker: T2uRunner) -> None:
    texts = [text(3), text(3, factor=factor), text(6, factor=factor)]
    assert told(speaker.speeches(texts)) == alone(texts)
    assert alone(texts[:1]) != alone(texts[1:2])


def test_shorter_pauses_leave_words_as_they_were(speaker: T2uRunner) -> None:
    plain = text(5, factor=4.0)
    table = checkpoint("tiny").character_table()
    places = set(table.characters(plain.token_ids).pauses)
    brief = dataclasses.replace(plain, pause_factor=0.5)
    whole, shortened, beside = (spoken(each) for each in speaker.speeches([plain, brief, plain]))
    assert told([beside]) == told([whole])
    assert len(shortened.units) == sum(shortened.character_durations) == sum(shortened.token_durations)
    pairs = list(zip(whole.character_durations, shortened.character_durations, strict=True))
    assert all(before == after for at, (before, after) in enumerate(pairs) if at not in places)
    pauses = [pair for at, pair in enumerate(pairs) if at in places]
    assert any(after < before for before, after in pauses)
    assert all(after == min(before, max(MIN_PAUSE_UNITS, round(before / 2))) for before, after in pauses)


def test_sentences_are_kept_apart(speaker: T2uRunner) -> None:
    plain = text(5)
    ends = set(checkpoint("tiny").character_table().characters(plain.token_ids).sentence_ends)
    assert ends, "a sentence ends in the text"
    whole, apart = (
        spoken(each) for each in speaker.speeches([plain, dataclasses.replace(plain, sentence_pause_units=9)])
    )
    pairs = zip(whole.character_durations, apart.character_durations, strict=True)
    for place, (before, after) in enumerate(pairs):
        assert after == (max(9, before) if place in ends else before)
    assert len(apart.units) == sum(apart.character_durations)


@pytest.mark.parametrize("unheard", [1, 5])
def test_tokens_that_are_left_out_change_nothing(unheard: int, speaker: T2uRunner) -> None:
    """As if they had never been there: the same as a text without them in another slot."""
    whole = dataclasses.replace(text(3), context_tokens=9, lookahead_tokens=2, dropped_context_tokens=unheard)
    held = states()
    held[0, 1 : PLACES - unheard] = held[whole.slot, 1 + unheard :]
    held[0, 0] = held[whole.slot, 0]
    shorter = dataclasses.replace(
        whole,
        slot=0,
        token_ids=(*whole.token_ids[:2], *whole.token_ids[2 + unheard :]),
        context_tokens=9 - unheard,
        dropped_context_tokens=0,
    )
    (expected,) = new_speaker(captured=False, held=held).speeches([shorter])
    made = speaker.speeches([text(6), whole, text(2)])
    assert told(made[1:2]) == told([expected])
    assert told(made[::2]) == alone([text(6), text(2)])


def test_a_small_batch_after_a_large_one(speaker: T2uRunner) -> None:
    speaker.speeches([text(slot) for slot in (7, 11, 3, 9, 5)])
    for slot in (2, 0, 8):
        assert told(speaker.speeches([text(slot)])) == alone([text(slot)])


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("poison", [float("nan"), pytest.param(float("inf"), marks=pytest.mark.slow)])
def test_a_text_that_is_not_a_number_fails_alone(poison: float, place: int, captured: bool) -> None:
    texts = [text(slot) for slot in (1, 4, 6)]
    expected = alone(texts)
    held = states()
    held[texts[place].slot] = poison
    speaker = new_speaker(captured=captured, held=held)
    made = told(speaker.speeches(texts))
    assert made[place] == "the result is not finite"
    assert [each for i, each in enumerate(made) if i != place] == expected[:place] + expected[place + 1 :]
    held[texts[place].slot] = states()[texts[place].slot]
    assert told(speaker.speeches(texts)) == expected


def test_a_speech_too_long_for_the_model_fails_alone(speaker: T2uRunner) -> None:
    texts = [text(1), text(7, factor=1e6), text(6)]
    made = told(speaker.speeches(texts))
    assert "more than" in str(made[1])
    assert "units" in str(made[1])
    assert [made[0], made[2]] == alone([texts[0], texts[2]])


def test_a_text_without_characters_has_no_units(speaker: T2uRunner) -> None:
    texts = [T2uInput(0, (3, 97), 1.0), text(4)]
    assert told(speaker.speeches(texts)) == [([], ()), *alone([text(4)])]
    assert told(speaker.speeches(texts[:1])) == [([], ())]


def test_what_is_recorded_is_replayed_and_the_rest_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(t2u_graphs, "_MAX_ROWS", 2)
    monkeypatch.setattr(t2u_graphs, "_MOST_UNITS", 128)
    capturer = FakeGraphCapturer()
    speaker = new_speaker(captured=False)
    speaker.capture(capturer, CaptureCount())
    assert capturer.captured == 2 * (3 + 1)  # 1 and 2 rows; 32, 64, 100 tokens; 128 units
    expected_replays = {
        (0, 2): 2,  # both halves
        (7,): 1,  # too long for the second
        (0, 2, 4): 0,  # too many
    }
    for slots, replays in expected_replays.items():
        before = capturer.replays
        texts = [text(slot) for slot in slots]
        assert told(speaker.speeches(texts)) == alone(texts)
        assert capturer.replays - before == replays, slots


def test_nothing_is_left_of_more_characters_in_as_many_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(t2u_graphs, "_FEWEST_TOKENS", 16)
    monkeypatch.setattr(t2u_graphs, "_CHARACTERS_A_TOKEN", 1)
    speaker = new_speaker(captured=True)
    for each in (text(9, factor=0.01), text(2), text(8)):
        assert told(speaker.speeches([each])) == alone([each])


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("rows", [(2, 1), (3, 1), (1, 3)], ids=str)  # 3 are more than are captured
def test_the_states_of_an_earlier_batch_are_refused(
    rows: tuple[int, int], captured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_captured_batches(monkeypatch)
    held = states()
    halves: T2uBackend = EagerT2u(text_to_unit("tiny"), held)
    if captured:
        halves = T2uGraphs(text_to_unit("tiny"), held, FakeGraphCapturer(), CaptureCount())
    shape = halves.room(1, T2uShape(5, 5))
    batches = []
    for count in rows:
        sequence = CharacterSequence((1, 2, 3), (1, 2))
        row = torch.from_numpy(shape.row(0, sequence, 1.0)).expand(count, -1)
        batches.append(halves.characters(row, shape)[1])
    stale_states, latest = batches
    durations = silent(1, shape.characters)
    with pytest.raises(InvariantViolation, match="earlier batch"):
        halves.units(stale_states, durations.expand(rows[0], -1), 1)
    equal = dataclasses.replace(latest)  # what it is counts, not which object it is
    made = halves.units(equal, durations.expand(rows[1], -1), 1)
    assert torch.equal(made, halves.units(latest, durations.expand(rows[1], -1), 1))


def test_an_equal_handle_of_recorded_states_is_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_captured_batches(monkeypatch)
    capturer = FakeGraphCapturer()
    halves = T2uGraphs(text_to_unit("tiny"), states(), capturer, CaptureCount())
    shape = halves.room(1, T2uShape(5, 5))
    row = torch.from_numpy(shape.row(0, CharacterSequence((1, 2, 3), (1, 2)), 1.0))[None]
    _, made = halves.characters(row, shape)
    before = capturer.replays
    halves.units(dataclasses.replace(made), silent(1, shape.characters), 1)
    assert capturer.replays == before + 1


def test_a_recording_that_computes_something_else_is_refused() -> None:
    """Batches that it was captured for run eagerly then, in exactly their own shape."""
    count = CaptureCount()
    halves = T2uGraphs(text_to_unit("tiny"), states(), stale_capturer, count)
    assert count.refused > 0
    assert halves.room(1, T2uShape(5, 5)) == T2uShape(5, 5)


def test_the_scratch_column_needs_no_recording() -> None:
    """A slot of 64 tokens has 65 columns, and no text is longer than 64 tokens."""
    held = states()[:, :65]
    halves = T2uGraphs(text_to_unit("tiny"), held, FakeGraphCapturer(), CaptureCount())
    assert halves.room(1, T2uShape(64, 64)).tokens == 64
    assert halves.room(1, T2uShape(65, 65)) == T2uShape(65, 65)
