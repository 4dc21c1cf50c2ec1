"""In which order two people's utterances are shown."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from translate_svc.audio.audio_tracks import Channel
from translate_svc.cli.output.channel_sides import BOTH_SIDES, ChannelSide
from translate_svc.cli.output.sinks import TextSink
from translate_svc.cli.output.text_view import TextView
from translate_svc.cli.output.turn_order import TurnOrder
from translate_svc.types import (
    Closed,
    SampleRange,
    SessionEvent,
    SpeechStarted,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

LEFT, RIGHT = BOTH_SIDES
RATE_HZ = 8_000


def _events(utterance_id: int, start_s: int, text: str) -> list[SessionEvent]:
    """Of an utterance of one second."""
    source = SampleRange(start_s * RATE_HZ, (start_s + 1) * RATE_HZ)
    return [
        SpeechStarted(utterance_id, source.start),
        TextDelta(utterance_id, source, "spa", text, True, False),
        UtteranceDone(utterance_id, source, UtteranceStatus.OK, Usage()),
    ]


class _Screen:
    def __init__(self) -> None:
        self._screen = io.StringIO()
        self.sent_s: dict[ChannelSide, int] = {LEFT: 0, RIGHT: 0}
        view = TextView(Console(file=self._screen, width=200, highlight=False), show_growth=False)
        self._sink = TextSink(view, ["spa"], RATE_HZ, BOTH_SIDES, lambda side: self.sent_s[side] * RATE_HZ)

    def write(self, side: ChannelSide, events: list[SessionEvent]) -> list[str]:
        """The lines that are shown then, without their times."""
        for event in events:
            self._sink.write(event, side)
        return [line[13:] for line in self._screen.getvalue().splitlines()]


def test_a_line_waits_for_the_other_side_which_may_have_spoken_before() -> None:
    screen = _Screen()
    assert screen.write(LEFT, _events(0, 3, "tres")) == [], "nothing is known of the right side"
    assert screen.write(RIGHT, _events(0, 1, "uno")) == ["Right  spa  uno"]
    assert screen.write(RIGHT, _events(1, 5, "cinco")[:2]) == ["Right  spa  uno", "Left   spa  tres"]
    assert len(screen.write(LEFT, _events(1, 7, "siete"))) == 2, "cinco is not done"
    assert len(screen.write(RIGHT, _events(1, 5, "cinco")[2:])) == 3
    assert screen.write(RIGHT, [Closed(complete=True)])[3:] == ["Left   spa  siete"]


def test_a_side_that_says_nothing_is_known_when_much_more_of_it_was_sent() -> None:
    screen = _Screen()
    assert screen.write(LEFT, _events(0, 3, "tres")) == []
    screen.sent_s = {LEFT: 40, RIGHT: 40}
    assert screen.write(LEFT, _events(1, 8, "ocho")) == [], "it may still be told"
    screen.sent_s = {LEFT: 50, RIGHT: 44}
    assert screen.write(LEFT, _events(2, 20, "veinte")) == ["Left   spa  tres"]


@given(st.lists(st.tuples(st.sampled_from(BOTH_SIDES), st.integers(1, 5)), max_size=12))
def test_turns_are_taken_by_time_and_none_is_lost(spoken: list[tuple[Channel, int]]) -> None:
    """``spoken``: who, and how long after this person's utterance before."""
    order, starts = TurnOrder(BOTH_SIDES), {LEFT: 0, RIGHT: 0}
    taken: list[int] = []
    open_turns: list[int] = []
    for utterance_id, (side, pause) in enumerate(spoken):
        starts[side] += pause
        open_turns.append(order.number(side, utterance_id, starts[side]))
        if utterance_id % 3 == 0:
            order.done(open_turns.pop())
        taken += order.take()
    for turn in open_turns:
        order.done(turn)
    for side in BOTH_SIDES:
        order.close(side)
        taken += order.take()
    assert len(set(taken)) == len(spoken)
    positions = [turn // 2 for turn in taken]
    assert positions == sorted(positions)
