"""Somebody speaks on without a pause: utterances are cut, and nothing is lost or said twice."""

from __future__ import annotations

import itertools

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import House, check_contract, chunks, config, converse, house, of, utterances
from tests.session.test_simultaneous import TOKENS, play, sentence
from translate_svc.engine.request import Request
from translate_svc.types import (
    EndReason,
    Inspect,
    SessionEvent,
    SimultaneousSettings,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    TargetSettings,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

BUFFER_MS = 6_000
KEPT_SAMPLES = 2 * 16_000
LONG = utterances(1, speech_s=14.0)


def a_sentence(request: Request) -> ScriptedRequest:
    """Commits a sentence; the next draft needs the last two seconds alone."""
    assert request.draft is not None
    start = max(0, len(request.source) - KEPT_SAMPLES)  # type: ignore[arg-type]
    return ScriptedRequest(
        tuple(
            ScriptedSequence(
                sentence(state.committed_tokens // TOKENS),
                (25,),
                held=(" perhaps",),
                kept_start_samples=start,
            )
            for state in request.draft.sequences
        ),
        0.1,
    )


async def events_of(rooms: House, *targets: TargetSettings) -> list[SessionEvent]:
    settings = SimultaneousSettings(step_ms=640, max_buffer_ms=BUFFER_MS)
    stream = config(*targets, simultaneous=settings, include=frozenset({Inspect.TOKENS}))
    events = await converse(rooms.open(stream), chunks(LONG, 3_200))
    check_contract(events)
    return events


def test_the_text_goes_on_where_it_was_cut() -> None:
    async def scenario() -> None:
        async with house(a_sentence) as rooms:
            events = await events_of(rooms)
            reasons = [event.reason for event in of(events, SpeechEnded)]
            assert len(reasons) >= 4
            assert reasons == [EndReason.CONTINUED] * (len(reasons) - 1) + [EndReason.SILENCE]
            count = len(rooms.engine.submitted)
            said = "".join(event.delta for event in of(events, TextDelta))
            assert said == "".join("".join(sentence(index)) for index in range(count))
            assert {each.status for each in of(events, UtteranceDone)} == {UtteranceStatus.OK}

    play(scenario())


def test_sources_follow_each_other_and_no_audio_is_drafted_twice_in_vain() -> None:
    async def scenario() -> None:
        async with house(a_sentence) as rooms:
            events = await events_of(rooms)
            starts = [event.position for event in of(events, SpeechStarted)]
            ends = [event.source.end for event in of(events, SpeechEnded)]
            assert all(start >= end for end, start in zip(ends, starts[1:], strict=False))
            heard = [event.heard_through_sample for event in of(events, TextDelta) if event.delta]
            assert heard == sorted(heard)
            drafts = [request for request in rooms.engine.submitted if request.draft is not None]

            assert len({*heard}) == len(drafts), "each draft heard something new"

    play(scenario())


def test_speech_of_each_utterance_begins_at_zero_and_ends_once() -> None:
    async def scenario() -> None:
        async with house(a_sentence) as rooms:
            events = await events_of(rooms, TargetSettings("es"), TargetSettings("fr", speech=False))
            by_utterance = {
                number: list(chunked)
                for number, chunked in itertools.groupby(
                    of(events, SpeechChunk), key=lambda chunk: chunk.utterance_id
                )
            }
            assert len(by_utterance) == len(of(events, SpeechEnded))
            for chunked in by_utterance.values():
                place = 0
                for chunk in chunked:
                    assert chunk.start_sample == place
                    place += chunk.sample_count
                assert [chunk.final for chunk in chunked] == [False] * (len(chunked) - 1) + [True]

    play(scenario())
