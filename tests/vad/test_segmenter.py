"""The segmenter as tables: rows of frames in, utterances out.

A row is a string, one character a frame: ``#`` speech, ``.`` silence, ``~`` in between (prolongs what is).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.types import EndReason
from translate_svc.vad.options import VadOptions
from translate_svc.vad.segmenter import SegmentEnded, Segmenter, SegmenterIdle, SegmentEvent, SegmentStarted

PROBABILITY = {"#": 0.9, ".": 0.05, "~": 0.4}
OPTIONS = VadOptions(
    min_speech_ms=3 * 32,
    min_silence_ms=10 * 32,
    prefix_padding_ms=4 * 32,
    suffix_padding_ms=2 * 32,
    max_utterance_ms=80 * 32,
    cut_search_ms=20 * 32,
    idle_timeout_ms=70 * 32,
)


def run(
    row: str, options: VadOptions = OPTIONS, levels: Sequence[float] | None = None
) -> list[tuple[int, SegmentEvent]]:
    """Events of one grid, each with the index of the frame that decided it."""
    segmenter = Segmenter(options)
    events: list[tuple[int, SegmentEvent]] = []
    for index, frame in enumerate(row):
        event = segmenter.push(PROBABILITY[frame], -20.0 if levels is None else levels[index])
        if event is not None:
            events.append((index, event))
            if not isinstance(event, SegmentStarted):
                break
    return events


def ended(start: int, end: int, commit: int, reason: EndReason = EndReason.SILENCE) -> SegmentEnded:
    return SegmentEnded(start, end, commit, reason)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("." * 60, [], id="silence"),
        pytest.param("." * 10 + "##" + "." * 30, [], id="shorter than min_speech is dropped"),
        pytest.param("." * 10 + "##." * 10, [], id="bursts do not add up"),
        pytest.param("." * 10 + "###", [(12, SegmentStarted(6, 10))], id="starts at min_speech, padded"),
        pytest.param(
            "." * 10 + "#~~", [(12, SegmentStarted(6, 10))], id="in-between frames prolong a candidate"
        ),
        pytest.param("." * 10 + "~~~~" + "." * 5, [], id="in-between frames alone start nothing"),
        pytest.param("..###", [(4, SegmentStarted(0, 2))], id="padding stops at the grid's start"),
        pytest.param(
            "." * 10 + "#" * 10 + "." * 10,
            [(12, SegmentStarted(6, 10)), (29, ended(6, 22, 26))],
            id="ends after min_silence; suffix kept, commit leaves the next prefix",
        ),
        pytest.param(
            "." * 10 + "#" * 10 + "." * 9 + "#" + "." * 9,
            [(12, SegmentStarted(6, 10))],
            id="speech resets silence",
        ),
        pytest.param(
            "." * 10 + "#" * 10 + "." * 5 + "~" * 5,
            [(12, SegmentStarted(6, 10)), (29, ended(6, 22, 26))],
            id="in-between frames do not reset silence",
        ),
        pytest.param(
            "." * 10 + "#" * 10 + "~" * 20,
            [(12, SegmentStarted(6, 10))],
            id="in-between frames do not begin silence",
        ),
        pytest.param("." * 70, [(69, SegmenterIdle(66))], id="idle; commit leaves the next prefix"),
        pytest.param("." * 69 + "###", [(71, SegmentStarted(65, 69))], id="a candidate defers idle"),
        pytest.param("." * 69 + "##.", [], id="a dropped candidate is not idle yet"),
        pytest.param("." * 69 + "##..", [(72, SegmenterIdle(69))], id="idle after a dropped candidate"),
    ],
)
def test_rows(row: str, expected: list[tuple[int, SegmentEvent]]) -> None:
    assert run(row) == expected


@pytest.mark.parametrize(
    ("quiet", "cut"),
    [
        pytest.param({75: -60.0}, 75, id="before the quietest frame"),
        pytest.param({70: -60.0, 75: -50.0}, 70, id="the quietest of two"),
        pytest.param({70: -60.0, 75: -60.0}, 75, id="the latest of equals"),
        pytest.param({55: -60.0, 75: -50.0}, 75, id="not before the search window"),
        pytest.param({79: -60.0}, 79, id="the last frame"),
        pytest.param({60: -60.0}, 60, id="the first frame of the window"),
    ],
)
def test_longest_utterance_is_cut_at_its_quietest_frame(quiet: dict[int, float], cut: int) -> None:
    levels = [quiet.get(index, -20.0) for index in range(100)]
    events = run("#" * 100, levels=levels)
    assert events[-1] == (79, ended(0, cut, cut, EndReason.MAX_LENGTH))


@pytest.mark.parametrize(
    ("spoken", "quiet", "cut"),
    [
        pytest.param("#" * 64 + "...." + "#" * 40, {75: -60.0}, 67, id="a pause before a quieter frame"),
        pytest.param("#" * 64 + "..." + "#" * 40, {75: -60.0}, 75, id="three frames are a gap within a word"),
        pytest.param("#" * 64 + ".~~." + "#" * 40, {75: -60.0}, 67, id="in-between frames prolong a pause"),
        pytest.param("#" * 64 + "~~~~~~" + "#" * 40, {75: -60.0}, 75, id="in-between frames alone are none"),
        pytest.param("#" * 64 + "..#.." + "#" * 40, {75: -60.0}, 75, id="speech tears a pause"),
        pytest.param("#" * 62 + "....##....." + "#" * 40, {}, 72, id="the longer of two"),
        pytest.param("#" * 62 + ".....##....." + "#" * 40, {}, 73, id="the later of equals"),
        pytest.param("#" * 64 + "......" + "#" * 40, {66: -60.0, 75: -70.0}, 66, id="its quietest frame"),
        pytest.param(
            "#" * 64 + "......" + "#" * 40, {66: -60.0, 68: -60.0}, 68, id="the latest of its quietest"
        ),
        pytest.param(
            "#" * 57 + "......" + "#" * 40, {75: -60.0}, 75, id="what lies before the window is no part"
        ),
        pytest.param("#" * 54 + "." * 9 + "#" + "." * 4 + "#" * 40, {}, 67, id="however long it is"),
        pytest.param("#" * 76 + "....", {70: -60.0}, 79, id="at the end of the window"),
    ],
)
def test_longest_utterance_is_cut_in_a_pause_rather_than_in_a_word(
    spoken: str, quiet: dict[int, float], cut: int
) -> None:
    levels = [quiet.get(index, -20.0) for index in range(len(spoken))]
    assert run(spoken, levels=levels)[-1] == (79, ended(0, cut, cut, EndReason.MAX_LENGTH))


def test_the_cut_never_falls_into_the_first_half() -> None:
    levels = [-60.0 if index < 40 else -20.0 for index in range(100)]
    options = replace(OPTIONS, cut_search_ms=30_000)
    assert run("#" * 100, options, levels)[-1][1] == ended(0, 79, 79, EndReason.MAX_LENGTH)


def test_longest_utterance_counts_its_padding() -> None:
    events = run("." * 50 + "#" * 100)
    assert events == [(52, SegmentStarted(46, 50)), (125, ended(46, 125, 125, EndReason.MAX_LENGTH))]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("." * 20, None),
        ("." * 10 + "##", None),
        ("." * 10 + "####", ended(6, 14, 14, EndReason.FINALIZE)),
        ("." * 10 + "####" + "." * 5, ended(6, 19, 19, EndReason.FINALIZE)),
    ],
)
def test_finalize(row: str, expected: SegmentEnded | None) -> None:
    segmenter = Segmenter(OPTIONS)
    for frame in row:
        segmenter.push(PROBABILITY[frame], -20.0)
    assert segmenter.finalize(EndReason.FINALIZE) == expected
    with pytest.raises(RuntimeError):
        segmenter.push(0.9, -20.0)


def test_earliest_frame_follows_the_padding_then_the_utterance() -> None:
    segmenter = Segmenter(OPTIONS)
    seen = []
    for frame in "." * 10 + "#" * 6:
        segmenter.push(PROBABILITY[frame], -20.0)
        seen.append(segmenter.earliest_frame)
    assert seen == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6] + [6] * 6


@given(st.lists(st.tuples(st.sampled_from("#.~"), st.integers(1, 40), st.floats(-90, 0)), max_size=12))
def test_every_event_respects_its_contract(runs: list[tuple[str, int, float]]) -> None:
    """Order, lengths, and that nothing before ``earliest_frame`` is ever named."""
    segmenter = Segmenter(OPTIONS)
    earliest, started = 0, None
    for symbol, length, level in runs:
        for _ in range(length):
            event = segmenter.push(PROBABILITY[symbol], level)
            if isinstance(event, SegmentStarted):
                assert started is None
                started = event.start_frame
                assert started >= earliest
            elif isinstance(event, SegmentEnded):
                assert event.start_frame == started
                assert (
                    earliest <= event.start_frame < event.end_frame <= event.commit_frame <= segmenter.frames
                )
                assert event.end_frame - event.start_frame <= OPTIONS.max_utterance_frames
                return
            elif isinstance(event, SegmenterIdle):
                assert started is None
                assert earliest <= event.commit_frame <= segmenter.frames
                assert event.commit_frame > 0
                return
            assert segmenter.earliest_frame >= earliest
            earliest = segmenter.earliest_frame
