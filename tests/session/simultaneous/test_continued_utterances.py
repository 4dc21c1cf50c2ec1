"""Somebody speaks on without a pause: utterances are cut, and nothing is lost or said twice."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from tests.fakes.engine_script import Script, ScriptedRequest, ScriptedSequence
from tests.fakes.fake_vad import AmplitudeVad
from tests.session.harness import House, check_contract, chunks, config, converse, house, of, utterances
from tests.session.simultaneous.test_simultaneous import TOKENS, play, sentence
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.types import (
    EndReason,
    Inspect,
    SessionEvent,
    SimultaneousSettings,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    TextDelta,
    Updated,
    UpdateInput,
    UtteranceDone,
    UtteranceStatus,
)
from translate_svc.vad.frame_vad import Float32Array

BUFFER_MS = 6_000
KEPT_SAMPLES = 2 * 16_000
LONG = utterances(1, speech_s=14.0)


def a_sentence(request: Request) -> ScriptedRequest:
    """Commits a sentence; the next hypothesis needs the last two seconds alone."""
    assert isinstance(request, HypothesisRequest)
    start = max(0, len(request.source) - KEPT_SAMPLES)  # type: ignore[arg-type]
    return ScriptedRequest(
        tuple(
            ScriptedSequence(
                sentence(state.committed_tokens // TOKENS),
                (25,),
                held=(" perhaps",),
                kept_start_samples=start,
            )
            for state in request.hypothesis.sequences
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


def test_sources_follow_each_other_and_no_audio_is_translated_twice_in_vain() -> None:
    async def scenario() -> None:
        async with house(a_sentence) as rooms:
            events = await events_of(rooms)
            starts = [event.position for event in of(events, SpeechStarted)]
            ends = [event.source.end for event in of(events, SpeechEnded)]
            assert all(start >= end for end, start in zip(ends, starts[1:], strict=False))
            heard = [event.heard_through_sample for event in of(events, TextDelta) if event.delta]
            assert heard == sorted(heard)
            hypotheses = [
                request for request in rooms.engine.submitted if isinstance(request, HypothesisRequest)
            ]

            assert len({*heard}) == len(hypotheses), "each hypothesis heard something new"

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


class LastingVad(AmplitudeVad):
    """``AmplitudeVad`` that still hears speech for a second after a row of 100 frames of speech."""

    state_size = 2

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        probabilities, _ = super().step(frames, states)
        spoken = probabilities >= 0.5
        row, left = states[:, 0], states[:, 1]
        left = np.where(spoken, np.where(row >= 100, 31, 0), np.maximum(left - 1, 0))
        lasting = np.where(spoken | (left > 0), np.float32(0.9), probabilities)
        return lasting, np.stack([np.where(spoken, row + 1, 0), left], axis=1).astype(np.float32)


def heard_of(events: Sequence[SessionEvent], language: str = "spa") -> list[int]:
    return [event.heard_through_sample for event in of(events, TextDelta) if event.language == language]


def test_what_was_heard_does_not_go_back_where_the_utterance_behind_a_cut_ends_earlier() -> None:
    """The detector restarts at the cut, and then hears the end of speech a second sooner."""

    async def scenario() -> None:
        for extra_s in np.arange(0, 2.6, 0.16):
            async with house(a_sentence, vad=LastingVad()) as rooms:
                settings = SimultaneousSettings(step_ms=160, max_buffer_ms=BUFFER_MS)
                audio = utterances(1, speech_s=4.0 + extra_s, pause_s=3.0)
                events = await converse(rooms.open(config(simultaneous=settings)), chunks(audio, 3_200))
                check_contract(events)
                heard = heard_of(events)
                assert heard == sorted(heard)
                ends.append([event.source.end for event in of(events, SpeechEnded)])

    ends: list[list[int]] = []
    play(scenario())
    assert any(len(each) > 1 for each in ends)


def test_a_target_that_stays_goes_on_where_others_come_amid_speech() -> None:
    async def scenario() -> None:
        async with house(a_sentence) as rooms:
            asked = SimultaneousSettings(step_ms=640, max_buffer_ms=BUFFER_MS)
            french = TargetSettings("fr", speech=False)
            update = UpdateInput(StreamSettings((TargetSettings("de"), french), simultaneous=asked))
            spoken = chunks(LONG, 3_200)
            session = rooms.open(config(french, simultaneous=asked))
            events = await converse(session, [*spoken[:25], update, *spoken[25:]])
            check_contract(events)
            (updated,) = of(events, Updated)
            first = updated.from_utterance_id
            assert of(events, SpeechEnded)[first - 1].reason is EndReason.CONTINUED
            deltas = [each for each in of(events, TextDelta) if each.delta]
            new = [each for each in deltas if each.utterance_id >= first]
            assert heard_of(events, "fra") == sorted(heard_of(events, "fra"))
            before = [each.heard_through_sample for each in deltas if each.utterance_id < first]
            assert min(each.heard_through_sample for each in new) > max(before)
            hypotheses = len(rooms.engine.submitted)
            german = len({each.heard_through_sample for each in new})
            for language, count in ("fra", hypotheses), ("deu", german):
                text = "".join(each.delta for each in deltas if each.language == language)
                assert text == "".join("".join(sentence(index)) for index in range(count))

    play(scenario())


def test_whole_utterances_do_not_begin_amid_speech_that_was_translated_already() -> None:
    """They continue no text. What was said behind a cut is in the text before it: it would come twice."""

    async def scenario() -> None:
        async with house(a_sentence) as rooms:
            asked = SimultaneousSettings(step_ms=640, max_buffer_ms=BUFFER_MS)
            french = TargetSettings("fr", speech=False)
            spoken = chunks(LONG, 3_200)
            session = rooms.open(config(french, simultaneous=asked))
            update = UpdateInput(StreamSettings((french,)))
            events = await converse(session, [*spoken[:25], update, *spoken[25:]])
            check_contract(events)
            (updated,) = of(events, Updated)
            ended = of(events, SpeechEnded)
            assert ended[updated.from_utterance_id - 1].reason is EndReason.SILENCE
            said = "".join(each.delta for each in of(events, TextDelta))
            assert said == "".join("".join(sentence(index)) for index in range(len(rooms.engine.submitted)))

    play(scenario())


def test_speech_that_is_lost_is_told_of_though_it_never_pauses() -> None:
    """Each utterance that is cut is compared with its own speech: without the text that it told before."""

    def saying(*deltas: str) -> Script:
        frames = 0.64 / 0.16 / len(deltas)
        sequence = ScriptedSequence(deltas, (25,), held=(" perhaps",), token_frames=frames)
        return lambda request: ScriptedRequest((sequence,) * len(request.sequences), 0.1)

    async def warned(script: Script) -> tuple[set[int | None], int]:
        async with house(script) as rooms:
            stream = config(simultaneous=SimultaneousSettings(step_ms=640))
            events = await converse(rooms.open(stream), chunks(utterances(1, speech_s=30.0), 3_200))
            check_contract(events)
            told = {each.utterance_id for each in of(events, StreamWarning) if each.code == "short_text"}
            continued = [each.reason is EndReason.CONTINUED for each in of(events, SpeechEnded)]
            return told, continued.count(True)

    async def scenario() -> None:
        told, cuts = await warned(saying(" one."))
        assert cuts >= 3
        assert set(range(cuts)) <= told
        told, cuts = await warned(saying(" one", " two", "."))
        assert cuts >= 3
        assert not told

    play(scenario())
