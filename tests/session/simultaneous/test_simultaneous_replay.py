"""What follows a commit point of simultaneous translation depends on the input after it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.session.harness import chunks, clip, converse, house, of, silence, speech
from tests.session.simultaneous.test_half_an_hour import SPANISH, a_sentence, noise, stream_of, two_voices
from tests.virtual_time import virtual_time
from translate_svc.types import (
    ClientMessage,
    EndReason,
    FinalizeInput,
    Progress,
    Samples,
    SessionEvent,
    SpeechEnded,
    TextDelta,
)

RATE_HZ = 16_000
BEFORE = clip(speech(33), silence(1), speech(5), silence(2), noise(4), silence(1), speech(3))
BEHIND = clip(speech(2), silence(0.9), two_voices(21), silence(3), speech(17.3))


@dataclass(frozen=True)
class Said:
    """One utterance: its range in the whole input, why it ended, and its text."""

    start: int
    end: int
    reason: EndReason
    text: str


def said(audio: Samples, finalize_at: int, offset: int = 0) -> tuple[list[Said], list[SessionEvent]]:
    """What comes of the input from sample ``offset`` on."""
    messages: list[ClientMessage] = []
    if finalize_at > offset:
        messages = [*chunks(audio[offset:finalize_at]), FinalizeInput()]
    messages += chunks(audio[max(finalize_at, offset) :])

    async def scenario() -> list[SessionEvent]:
        async with house(a_sentence) as home:
            return await converse(home.open(stream_of(SPANISH)), messages)

    with virtual_time() as runner:
        events = runner.run(scenario())
    texts = {event.utterance_id: "" for event in of(events, SpeechEnded)}
    for event in of(events, TextDelta):
        texts[event.utterance_id] += event.delta
    return [
        Said(each.source.start + offset, each.source.end + offset, each.reason, texts[each.utterance_id])
        for each in of(events, SpeechEnded)
    ], events


WHOLE, EVENTS_FOR = np.concatenate([BEFORE, BEHIND]), len(BEFORE)


@pytest.fixture(scope="module")
def whole() -> tuple[list[Said], list[int]]:
    """The utterances, and all commit points."""
    found, events = said(WHOLE, EVENTS_FOR)
    assert {each.reason for each in found} == {
        EndReason.CONTINUED,
        EndReason.SILENCE,
        EndReason.FINALIZE,
        EndReason.END_OF_STREAM,
    }
    return found, [each.committed_samples for each in of(events, Progress)]


def test_a_replay_from_a_commit_point_gives_the_same(whole: tuple[list[Said], list[int]]) -> None:
    """The same utterances. In the middle of a sentence the words before are not known any more: there the
    same begins after the next pause.
    """
    found, commits = whole
    continued = {each.end for each in found if each.reason is EndReason.CONTINUED}
    places = [each for each in commits if each < len(WHOLE)]
    within = [each for each in places if each in continued]
    between = [each for each in places if each not in continued]
    assert min(len(within), len(between)) >= 4
    for place in (*within[:: len(within) // 4], *between[:: len(between) // 4]):
        later = [each for each in found if each.start >= place]
        again, _ = said(WHOLE, EVENTS_FOR, place)
        assert again[0].start == later[0].start
        if place in continued:
            later, again = behind_the_pause(later), behind_the_pause(again)
        assert again == later


def behind_the_pause(utterances: list[Said]) -> list[Said]:
    """From the first one on that does not continue a sentence; and the end of the one before."""
    pause = next(index for index, each in enumerate(utterances) if each.reason is not EndReason.CONTINUED)
    end = utterances[pause]
    return [Said(0, end.end, end.reason, ""), *utterances[pause + 1 :]]
