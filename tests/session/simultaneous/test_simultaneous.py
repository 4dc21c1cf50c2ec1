"""Simultaneous translation of a stream: hypotheses while somebody speaks, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import (
    CHUNK_SAMPLES,
    House,
    check_contract,
    chunks,
    clip,
    collect,
    config,
    converse,
    house,
    of,
    silence,
    speak,
    speech,
    texts,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.engine.handle import Deliver
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.errors import InvalidArgument, ResourceExhausted
from translate_svc.types import (
    AudioFormat,
    Cleared,
    ClearInput,
    DraftReport,
    Encoding,
    EndInput,
    EndReason,
    FinalizeInput,
    Inspect,
    Samples,
    Segmentation,
    SessionEvent,
    SimultaneousSettings,
    SpeechChunk,
    SpeechEnded,
    StreamConfig,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    TextDelta,
    UpdateInput,
    UtteranceDone,
    UtteranceStatus,
    VadSettings,
)

STEP_MS = 640
STEP_SAMPLES = STEP_MS * 16
OUTPUTS = (AudioFormat(Encoding.PCM_S16LE, 24_000), AudioFormat(Encoding.OPUS, 48_000))
SAID = utterances(1, speech_s=4.0)


def play(scenario: Coroutine[Any, Any, None]) -> None:
    with virtual_time() as runner:
        runner.run(scenario)


def simultaneous(*targets: TargetSettings, **settings: Any) -> StreamConfig:
    return config(*targets, simultaneous=SimultaneousSettings(step_ms=STEP_MS), **settings)


def sentence(number: int) -> tuple[str, ...]:
    """What the hypothesis of this number commits, token by token."""
    return (" and", " then", " he", " said", " the", " word", " ", f"w{number}")


TOKENS = len(sentence(0))


def a_word(request: Request, *, encode_s: float = 0.1, **options: Any) -> ScriptedRequest:
    """Every hypothesis commits a sentence, numbered within its utterance, and holds a word."""
    assert isinstance(request, HypothesisRequest)
    return ScriptedRequest(
        tuple(
            ScriptedSequence(sentence(state.committed_tokens // TOKENS), (25,), held=(" perhaps",), **options)
            for state in request.hypothesis.sequences
        ),
        encode_s,
    )


def nothing_at_the_end(request: Request) -> ScriptedRequest:
    """As ``a_word``, but when the speaker has ended there is no word left to commit."""
    scripted = a_word(request)
    assert isinstance(request, HypothesisRequest)
    if not request.hypothesis.is_final:
        return scripted
    return replace(scripted, sequences=tuple(ScriptedSequence((), ()) for _ in scripted.sequences))


def hypotheses(rooms: House) -> list[tuple[int, bool]]:
    """Length of the buffer of each request, and whether it was the last of its utterance."""
    found = []
    for request in rooms.engine.submitted:
        assert isinstance(request, HypothesisRequest)
        found.append((len(request.source), request.hypothesis.is_final))  # type: ignore[arg-type]
    return found


async def live(rooms: House, stream: StreamConfig, samples: Samples) -> list[SessionEvent]:
    """The events of a stream whose audio comes as it is spoken."""
    session = rooms.open(stream)
    reader = asyncio.create_task(collect(session))
    await speak(session, samples)
    await session.receive(EndInput(len(samples)))
    events = await reader
    check_contract(events)
    return events


def words(count: int) -> str:
    return "".join("".join(sentence(index)) for index in range(count))


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_speech_ends_although_its_last_words_came_before_the_end(output: AudioFormat) -> None:
    async def scenario() -> None:
        async with house(nothing_at_the_end) as rooms:
            stream = replace(simultaneous(TargetSettings("es")), output=output)
            events = await live(rooms, stream, SAID)
            spoken = of(events, SpeechChunk)
            assert len(spoken) >= 2
            assert [chunk.final for chunk in spoken] == [False] * (len(spoken) - 1) + [True]
            made = (len(rooms.engine.submitted) - 1) * 25 * output.sample_rate_hz // 50
            assert 0 <= sum(chunk.sample_count for chunk in spoken) - made < output.sample_rate_hz // 25

    play(scenario())


def test_words_come_while_somebody_speaks() -> None:
    async def scenario() -> None:
        async with house(a_word) as rooms:
            include = frozenset({Inspect.DRAFTS})
            stream = simultaneous(TargetSettings("es"), TargetSettings("fr"), include=include)
            events = await live(rooms, stream, SAID)
            count = len(rooms.engine.submitted)
            assert count >= 6
            assert texts(events) == {(0, "spa"): words(count), (0, "fra"): words(count)}
            end = next(at for at, event in enumerate(events) if isinstance(event, SpeechEnded))
            early = events[:end]
            languages = [event.language for event in of(early, TextDelta)]
            assert languages.count("spa") == (count - 1) * TOKENS, "each hypothesis before the end"
            assert [each.language for each in of(early, SpeechChunk)].count("spa") == count - 1
            deltas = [event for event in of(events, TextDelta) if event.language == "spa" and event.delta]
            heard = [event.heard_through_sample for event in deltas][::TOKENS]
            assert {later - first for first, later in itertools.pairwise(heard[:-1])} == {STEP_SAMPLES}
            assert heard == sorted(heard)
            chunks_heard = [each.heard_through_sample for each in of(events, SpeechChunk)]
            assert set(chunks_heard) == set(heard)
            assert [event.final for event in deltas].count(True) == 0
            reports = [event for event in of(events, DraftReport) if event.language == "spa"]
            assert [each.committed for each in reports] == [
                "".join(sentence(index)).strip() for index in range(count)
            ]
            assert [each.held for each in reports] == ["perhaps"] * (count - 1) + [""]
            assert [each.hold_reason for each in reports] == ["near_end"] * (count - 1) + [""]
            assert [each.heard_through_sample for each in reports] == heard
            (done,) = of(events, UtteranceDone)
            assert (done.status, done.usage.text_tokens) == (UtteranceStatus.OK, 2 * count * TOKENS)

    play(scenario())


@pytest.mark.parametrize("size", [160, CHUNK_SAMPLES, 7_777, 32_000])
def test_steps_lie_on_a_grid_of_audio_whatever_the_chunks(size: int) -> None:
    async def scenario() -> None:
        async with house(a_word) as rooms:
            events = await converse(rooms.open(simultaneous()), chunks(SAID, size))
            check_contract(events)
            found = hypotheses(rooms)
            assert [final for _, final in found] == [False] * (len(found) - 1) + [True]
            lengths = [length for length, final in found if not final]
            assert lengths == [STEP_SAMPLES * step for step in range(1, len(lengths) + 1)]
            assert len(lengths) == 7, "until silence has ended the utterance"
            assert texts(events) == {(0, "spa"): words(len(found))}
            assert not of(events, StreamWarning)

    play(scenario())


def test_one_hypothesis_at_a_time_and_late_ones_are_left_out() -> None:
    async def scenario() -> None:
        running: list[int] = []

        def slow(request: Request) -> ScriptedRequest:
            running.append(len(rooms.engine.live_request_ids))
            return a_word(request, encode_s=1.5)

        async with house(slow) as rooms:
            events = await live(rooms, simultaneous(), utterances(1, speech_s=9.0))
            assert set(running) == {0}, "a hypothesis was sent while one ran"
            assert [each.code for each in of(events, StreamWarning)] == ["drafts_skipped"]
            assert 3 <= len(running) <= 9
            assert texts(events) == {(0, "spa"): words(len(running))}

    play(scenario())


def test_no_audio_is_left_out_with_the_hypotheses() -> None:
    """The engine stands still for longer than a buffer lasts. What came meanwhile is heard all the same."""

    async def scenario() -> None:
        def stands_still_once(request: Request) -> ScriptedRequest:
            return a_word(request, encode_s=12.0 if len(rooms.engine.submitted) == 2 else 0.1)

        settings = SimultaneousSettings(step_ms=STEP_MS, max_buffer_ms=4_000)
        async with house(stands_still_once) as rooms:
            events = await live(rooms, config(simultaneous=settings), utterances(1, speech_s=20.0))
            assert "drafts_skipped" in [each.code for each in of(events, StreamWarning)]
            heard = 0
            for request in rooms.engine.submitted:
                assert isinstance(request, HypothesisRequest)
                assert request.source_place.start_sample <= heard
                heard = request.source_place.start_sample + len(request.source)  # type: ignore[arg-type]

    play(scenario())


def test_under_load_hypotheses_get_rarer_and_stay_on_the_grid() -> None:
    """A hypothesis takes longer than a step: soon every second step is translated, and no hypothesis waits
    for another.
    """

    async def scenario() -> None:
        async with house(lambda request: a_word(request, encode_s=0.8)) as rooms:
            events = await live(rooms, simultaneous(), utterances(1, speech_s=7.0))
            assert [each.code for each in of(events, StreamWarning)] == ["drafts_skipped"]
            lengths = [length for length, final in hypotheses(rooms) if not final]
            gaps = [(later - first) / STEP_SAMPLES for first, later in itertools.pairwise(lengths)]
            assert gaps.count(2) >= 2
            assert set(gaps[gaps.index(2) :]) == {2}

    play(scenario())


@pytest.mark.parametrize("encode_s", [0.1, 0.6], ids=["between hypotheses", "during a hypothesis"])
def test_clear_ends_the_utterance_at_once(encode_s: float) -> None:
    async def scenario() -> None:
        async with house(lambda request: a_word(request, encode_s=encode_s)) as rooms:
            session = rooms.open(simultaneous())
            reader = asyncio.create_task(collect(session))
            await speak(session, speech(3.0))
            assert bool(rooms.engine.live_request_ids) == (encode_s > 0.5)
            await session.receive(ClearInput())
            assert not rooms.engine.live_request_ids
            await asyncio.sleep(5.0)
            await speak(session, SAID)
            await session.receive(EndInput(48_000 + len(SAID)))
            events = await reader
            check_contract(events)
            first, second = of(events, SpeechEnded)
            assert (first.reason, second.reason) == (EndReason.CLEARED, EndReason.SILENCE)
            assert [each.status for each in of(events, UtteranceDone)] == [
                UtteranceStatus.CLEARED,
                UtteranceStatus.OK,
            ]
            cleared = next(at for at, event in enumerate(events) if isinstance(event, Cleared))
            assert not [e for e in events[cleared:] if getattr(e, "utterance_id", 1) == 0]
            assert texts(events)[1, "spa"].startswith(words(3))

    play(scenario())


def test_the_end_of_the_stream_waits_for_the_hypothesis_that_runs() -> None:
    async def scenario() -> None:
        async with house(lambda request: a_word(request, encode_s=0.6)) as rooms:
            events = await live(rooms, simultaneous(), speech(3.0))
            assert [each.reason for each in of(events, SpeechEnded)] == [EndReason.END_OF_STREAM]
            assert hypotheses(rooms)[-1] == (48_000, True)
            assert texts(events) == {(0, "spa"): words(len(hypotheses(rooms)))}
            assert not rooms.engine.aborted

    play(scenario())


def test_a_refused_hypothesis_is_left_out_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with house(a_word) as rooms:
            refused: list[Request] = []
            submit = rooms.engine.submit

            def full_twice(request: Request, deliver: Deliver) -> None:
                if len(rooms.engine.submitted) == 2 and len(refused) < 2:
                    refused.append(request)
                    rooms.engine.refuse_next(ResourceExhausted("full", retry_after_s=0.5))
                submit(request, deliver)

            monkeypatch.setattr(rooms.engine, "submit", full_twice)
            events = await live(rooms, simultaneous(), SAID)
            assert len(refused) == 2
            assert [each.code for each in of(events, StreamWarning)] == ["drafts_skipped"]
            after = rooms.engine.submitted[2]
            assert isinstance(after, HypothesisRequest)
            for each in refused:
                assert isinstance(each, HypothesisRequest)
                assert each.hypothesis.sequences == after.hypothesis.sequences
            assert len(after.source) == len(refused[1].source) + STEP_SAMPLES  # type: ignore[arg-type]
            assert texts(events) == {(0, "spa"): words(len(rooms.engine.submitted))}

    play(scenario())


def test_refused_hypotheses_alone_make_an_utterance_no_translated_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its text comes as late as without hypotheses, so the client is told why."""

    async def scenario() -> None:
        async with house(a_word) as rooms:
            submit = rooms.engine.submit

            def full_for_hypotheses(request: Request, deliver: Deliver) -> None:
                assert isinstance(request, HypothesisRequest)
                if not request.hypothesis.is_final:
                    rooms.engine.refuse_next(ResourceExhausted("full", retry_after_s=0.5))
                submit(request, deliver)

            monkeypatch.setattr(rooms.engine, "submit", full_for_hypotheses)
            stream = simultaneous(vad=VadSettings(max_utterance_ms=2_500))
            events = await live(rooms, stream, utterances(1, speech_s=12.0))
            assert all(is_final for _, is_final in hypotheses(rooms))
            codes = [each.code for each in of(events, StreamWarning)]
            assert codes.count("max_utterance_reached") == 1

    play(scenario())


def test_no_committed_word_is_lost_where_the_last_hypothesis_has_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The texts of the second utterance wait for the first one, which is slow."""

    async def scenario() -> None:
        def script(request: Request) -> ScriptedRequest:
            assert isinstance(request, HypothesisRequest)
            first_ends = request.hypothesis.is_final and request.request_id.startswith("s0/0/")
            return a_word(request, token_interval_s=8.0 if first_ends else 0.02)

        async with house(script) as rooms:
            refused: list[Request] = []
            submit = rooms.engine.submit

            def full_once(request: Request, deliver: Deliver) -> None:
                assert isinstance(request, HypothesisRequest)
                if request.hypothesis.is_final and request.request_id.startswith("s0/1/") and not refused:
                    refused.append(request)
                    rooms.engine.refuse_next(ResourceExhausted("full", retry_after_s=0.5))
                submit(request, deliver)

            monkeypatch.setattr(rooms.engine, "submit", full_once)
            events = await live(rooms, simultaneous(), utterances(2, speech_s=3.0))
            assert refused
            count = sum(each.request_id.startswith("s0/1/") for each in rooms.engine.submitted)
            assert texts(events)[1, "spa"] == words(count)

    play(scenario())


def test_nothing_is_translated_before_a_voice_is_heard() -> None:
    async def scenario() -> None:
        async with house(a_word) as rooms:
            stream = simultaneous(segmentation=Segmentation.MANUAL)
            hum = silence(4.0) + 0.01
            await converse(rooms.open(stream), [*chunks(hum), FinalizeInput()])
            assert not rooms.engine.submitted
            await converse(rooms.open(stream), [*chunks(clip(hum, speech(2.0))), FinalizeInput()])
            (first, _), *_ = hypotheses(rooms)
            assert 64_000 < first <= 64_000 + 2 * STEP_SAMPLES

    play(scenario())


def test_an_update_that_is_refused_costs_nothing() -> None:
    """The checkpoint of these tests has no calibration, so it takes no patience."""

    async def scenario() -> None:
        async with house(a_word) as rooms:
            session = rooms.open(simultaneous())
            reader = asyncio.create_task(collect(session))
            await speak(session, SAID[:32_000])
            patient = SimultaneousSettings(patience_frames=4)
            with pytest.raises(InvalidArgument) as caught:
                await session.receive(
                    UpdateInput(StreamSettings((TargetSettings("fr"),), simultaneous=patient))
                )
            assert caught.value.field == "update.settings.simultaneous.patience_frames"
            await speak(session, SAID[32_000:])
            await session.receive(EndInput(len(SAID)))
            events = await reader
            check_contract(events)
            assert texts(events) == {(0, "spa"): words(len(rooms.engine.submitted))}
            assert not of(events, StreamWarning)

    play(scenario())


def test_without_the_setting_an_utterance_is_one_request() -> None:
    async def scenario() -> None:
        async with house() as rooms:
            events = await live(rooms, config(), utterances(2, speech_s=3.0))
            assert [type(request) for request in rooms.engine.submitted] == [Request, Request]
            assert not of(events, DraftReport)

    play(scenario())
