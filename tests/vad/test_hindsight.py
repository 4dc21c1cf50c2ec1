"""Cuts by hindsight as tables: rows of frames in, utterances out.

A row is a string, one character a frame: ``#`` speech, ``.`` silence. Frames of silence are quiet.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.types import EndReason
from translate_svc.vad.hindsight import STRETCH_MS, Cut, HindsightSegmenter, best_cuts
from translate_svc.vad.options import FRAME_MS, VadOptions
from translate_svc.vad.segmenter import SegmentEnded, SegmenterIdle, SegmentEvent, SegmentStarted

PROBABILITY = {"#": 0.9, ".": 0.05}
LEVEL = {"#": -20.0, ".": -60.0}
GOOD = 40
OPTIONS = VadOptions(
    min_silence_ms=16 * FRAME_MS,
    prefix_padding_ms=4 * FRAME_MS,
    suffix_padding_ms=2 * FRAME_MS,
    good_utterance_ms=GOOD * FRAME_MS,
)
SILENCE, MAX_LENGTH, END = EndReason.SILENCE, EndReason.MAX_LENGTH, EndReason.END_OF_STREAM


def cuts(row: str, good: int = GOOD, longest: int = 400) -> list[Cut]:
    probabilities, levels = [PROBABILITY[each] for each in row], [LEVEL[each] for each in row]
    return best_cuts(probabilities, levels, good_frames=good, max_frames=longest)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("#" * 30, [], id="a sentence"),
        pytest.param("#" * 20 + "." * 8 + "#" * 20, [], id="two short ones stay together"),
        pytest.param("#" * 40 + "." * 6 + "#" * 40, [43], id="two sentences; the cut is in the gap's middle"),
        pytest.param("#" * 60 + "." * 6 + "#" * 10, [], id="a long one is not cut to leave a fragment"),
        pytest.param(
            "#" * 40 + "." * 2 + "#" * 8 + "." * 8 + "#" * 40,
            [54],
            id="the longer of two pauses, not the nearer",
        ),
        pytest.param(
            ("#" * 40 + "." * 6) * 4 + "#" * 40, [43, 89, 135, 181], id="five sentences without long silence"
        ),
        pytest.param(
            "#" * 30 + "." * 4 + "#" * 44 + "." * 4 + "#" * 30,
            [32, 80],
            id="by hindsight: three, not two halves",
        ),
    ],
)
def test_cuts_fall_into_pauses(row: str, expected: list[int]) -> None:
    assert [(cut.frame, cut.is_pause) for cut in cuts(row)] == [(frame, True) for frame in expected]


def test_the_model_says_how_long_utterances_are() -> None:
    row = ("#" * 40 + "." * 6) * 8
    found = {good: len(cuts(row, good)) + 1 for good in (40, 100, 200)}
    assert found[40] == 8
    assert found[40] > found[100] > found[200] >= 2


def test_speech_without_any_pause_is_cut_at_quiet_frames_and_says_so() -> None:
    levels = [-20.0] * 400
    levels[190] = -30.0
    found = best_cuts([0.9] * 400, levels, good_frames=200, max_frames=260)
    assert found == [Cut(190, is_pause=False, doubtful=True)]


@pytest.mark.parametrize(("pause_frames", "doubtful"), [(2, True), (7, True), (8, False), (14, False)])
def test_a_cut_in_a_short_pause_is_doubtful(pause_frames: int, doubtful: bool) -> None:
    (cut,) = cuts("#" * 40 + "." * pause_frames + "#" * 40)
    assert cut.doubtful == doubtful


@given(
    st.lists(st.tuples(st.integers(1, 90), st.integers(1, 14)), min_size=1, max_size=12),
    st.integers(16, 300),
    st.integers(2, 300),
)
def test_no_utterance_is_empty_or_too_long(parts: list[tuple[int, int]], good: int, longest: int) -> None:
    row = "".join("#" * speech + "." * pause for speech, pause in parts)
    places = [0, *(cut.frame for cut in cuts(row, good, longest)), len(row)]
    assert all(0 < end - start <= longest for start, end in pairwise(places))


def run(row: str, options: VadOptions = OPTIONS, *, ends: bool = False) -> list[SegmentEvent]:
    """The events of one grid."""
    segmenter = HindsightSegmenter(options)
    for frame in row:
        if events := segmenter.push(PROBABILITY[frame], LEVEL[frame]):
            return list(events)
    return list(segmenter.finalize(END)) if ends else []


SENTENCES = "#" * 40 + "." * 6 + "#" * 40 + "." * 6 + "#" * 40


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("." * 400, [SegmenterIdle(309)], id="silence"),
        pytest.param("." * 20 + SENTENCES, [], id="nothing is told before the speech ends"),
        pytest.param(
            "." * 20 + SENTENCES + "." * 20,
            [
                SegmentStarted(16, 20),
                SegmentEnded(16, 63, 63, SILENCE, commits=False, followed=True, doubtful=True),
                SegmentStarted(63, 63),
                SegmentEnded(63, 109, 109, SILENCE, commits=False, followed=True, doubtful=True),
                SegmentStarted(109, 109),
                SegmentEnded(109, 154, 164, SILENCE),
            ],
            id="three at once; padding at both ends, and one commit point",
        ),
        pytest.param(
            "." * 20 + "#" * 40 + "." * 6 + "#" * 40 + "." * 20,
            [SegmentStarted(16, 20), SegmentEnded(16, 108, 118, SILENCE)],
            id="what long silences enclose and is short stays whole",
        ),
    ],
)
def test_a_stretch_ends_with_all_its_utterances(row: str, expected: list[SegmentEvent]) -> None:
    assert run(row) == expected


def test_the_end_of_the_input_ends_them_too() -> None:
    events = run("." * 20 + SENTENCES, ends=True)
    assert [event.reason for event in events if isinstance(event, SegmentEnded)] == [SILENCE, SILENCE, END]
    assert events[-1] == SegmentEnded(109, 152, 152, END)
    assert run("." * 20 + "##", ends=True) == []


def test_speech_that_never_pauses_long_is_cut_every_thirty_seconds() -> None:
    """The last utterance is not complete: the next grid begins with it."""
    row = ("#" * 40 + "." * 6) * 60
    ended = [event for event in run(row) if isinstance(event, SegmentEnded)]
    assert [event.commits for event in ended] == [False] * (len(ended) - 1) + [True]
    last = ended[-1]
    assert last.commit_frame == last.end_frame
    assert 0 < STRETCH_MS // FRAME_MS - last.end_frame < 2 * 46
    assert {event.end_frame % 46 for event in ended} == {43}


def test_without_a_pause_every_cut_counts_as_one_for_length() -> None:
    options = VadOptions(max_utterance_ms=5_000, good_utterance_ms=4_000)
    ended = [event for event in run("#" * 2_000, options) if isinstance(event, SegmentEnded)]
    assert {event.reason for event in ended} == {MAX_LENGTH}
    assert all(event.end_frame - event.start_frame <= options.max_utterance_frames for event in ended)
