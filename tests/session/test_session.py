"""A stream from its first message to its last, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.session.harness import (
    RATE_HZ,
    check_contract,
    chunks,
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
from translate_svc.engine.request import Request
from translate_svc.errors import DataLoss, InvalidArgument, OutOfRange, Unavailable
from translate_svc.types import (
    AckInput,
    AudioInput,
    ClientMessage,
    Closed,
    EndInput,
    EndReason,
    FinalizeInput,
    GoAway,
    Inspect,
    Opened,
    Progress,
    SilenceInput,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamSettings,
    TargetSettings,
    TextDelta,
    UpdateInput,
    UtteranceDone,
    UtteranceStatus,
    VadSettings,
)


def play(scenario: Coroutine[Any, Any, None]) -> None:
    with virtual_time() as runner:
        runner.run(scenario)


def test_a_stream_opens_speaks_and_closes() -> None:
    async def scenario() -> None:
        async with house() as home:
            events = await converse(home.open(config()), chunks(utterances(3)))
        check_contract(events)
        lengths = [len(samples_of(request)) for request in home.engine.submitted]
        assert texts(events) == {(n, "spa"): f"spa {lengths[n]}" for n in range(3)}
        assert [event.status for event in of(events, UtteranceDone)] == [UtteranceStatus.OK] * 3
        closed = of(events, Closed)[0]
        assert closed.complete
        assert closed.usage.utterances == 3
        assert closed.usage.text_tokens == 6
        assert closed.usage.speech_ms == 3 * 1_500
        assert closed.usage.source_ms == sum(length * 1000 // RATE_HZ for length in lengths)
        assert of(events, Progress)[-1] == Progress(96_000, 96_000)

    play(scenario())


def test_nothing_said_nothing_made() -> None:
    async def scenario() -> None:
        async with house() as home:
            events = await converse(home.open(config()), chunks(silence(3)))
        assert [type(event) for event in events] == [Opened, Progress, Closed]
        assert home.engine.submitted == []

    play(scenario())


def test_results_leave_while_the_client_still_speaks() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            await speak(session, utterances(2))
            assert not reader.done()
            events_by_now = len(home.engine.submitted)
            await session.receive(EndInput(64_000))
            events = await reader
        assert events_by_now == 2
        check_contract(events)
        kinds = [type(event) for event in events]
        first_end, second_start = kinds.index(UtteranceDone), kinds.index(SpeechStarted, 2)
        assert first_end < second_start or of(events, UtteranceDone)[0].utterance_id == 0

    play(scenario())


@pytest.mark.parametrize("said", [15_999, 16_001, -1, 2**62])
def test_a_wrong_count_is_data_loss(said: int) -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            for message in chunks(silence(1)):
                await session.receive(message)
            with pytest.raises(DataLoss) as caught:
                await session.receive(EndInput(said))
        assert caught.value.field == "end.total_samples"

    play(scenario())


def test_an_end_without_a_count_is_complete() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            events = asyncio.create_task(collect(session))
            await speak(session, utterances(1))
            await session.receive(EndInput())
            check_contract(await events)
        assert of(events.result(), Closed)[0].complete is True

    play(scenario())


def test_half_close_is_an_incomplete_end() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            events = await converse(session, chunks(speech(1)), end=False)
            await session.half_close()
        check_contract(events)
        assert of(events, Closed)[0].complete is False
        assert of(events, SpeechEnded)[0].reason is EndReason.END_OF_STREAM
        assert texts(events) == {(0, "spa"): "spa 16000"}

    play(scenario())


_WRONG: list[tuple[ClientMessage, type[Exception], str]] = [
    (AudioInput(b"\0\0\0"), InvalidArgument, "audio.data"),
    (AudioInput(bytes(65_538)), OutOfRange, "audio.data"),
    (SilenceInput(0), InvalidArgument, "silence.samples"),
    (SilenceInput(-5), InvalidArgument, "silence.samples"),
    (SilenceInput(RATE_HZ * 3_600 + 1), OutOfRange, "silence.samples"),
    (SilenceInput(2**63 - 1), OutOfRange, "silence.samples"),
    (AckInput(1), InvalidArgument, "ack.seq"),
    (UpdateInput(StreamSettings(())), InvalidArgument, "update.settings.targets"),
    (
        UpdateInput(StreamSettings((TargetSettings("es"), TargetSettings("xx")))),
        InvalidArgument,
        "update.settings.targets[1].language",
    ),
    (
        UpdateInput(StreamSettings((TargetSettings("es"),), vad=VadSettings(min_silence_ms=20))),
        OutOfRange,
        "update.settings.vad.min_silence_ms",
    ),
]


@pytest.mark.parametrize(("message", "error", "field"), _WRONG)
def test_a_wrong_message_names_its_field_and_changes_nothing(
    message: ClientMessage, error: type[Exception], field: str
) -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            with pytest.raises(error) as caught:
                await session.receive(message)
            assert getattr(caught.value, "field", None) == field
            events = await converse(session, chunks(utterances(1)))
        check_contract(events)
        assert of(events, Closed)[0].complete

    play(scenario())


@pytest.mark.parametrize(
    "message",
    [AudioInput(b""), SilenceInput(1), FinalizeInput(), EndInput(0), UpdateInput(StreamSettings(()))],
)
def test_nothing_comes_after_the_end(message: ClientMessage) -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            await session.receive(EndInput(0))
            with pytest.raises(InvalidArgument, match="after the end"):
                await session.receive(message)

    play(scenario())


def test_nothing_can_be_sent_to_a_cancelled_stream() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            await session.cancel()
            with pytest.raises(Unavailable):
                await session.receive(SilenceInput(1))
            assert await collect(session) == []

    play(scenario())


def test_declared_silence_is_silence() -> None:
    """The same stream with its pauses sent as bytes, and as counts, gives the same events."""

    async def scenario() -> None:
        async with house() as home:
            spoken = await converse(home.open(config()), chunks(utterances(2, pause_s=2.0)))
            declared = await converse(
                home.open(config()),
                [*chunks(speech(1)), SilenceInput(32_000), *chunks(speech(1)), SilenceInput(32_000)],
            )
        assert texts(spoken) == texts(declared)
        for kind in (SpeechStarted, SpeechEnded):
            assert of(spoken, kind) == of(declared, kind)
        assert of(spoken, Closed) == of(declared, Closed)

    play(scenario())


def _silent(request: Request) -> ScriptedRequest:
    return ScriptedRequest(tuple(ScriptedSequence(deltas=()) for _ in request.sequences))


def test_an_utterance_that_means_nothing_is_empty() -> None:
    async def scenario() -> None:
        async with house(_silent) as home:
            events = await converse(home.open(config()), chunks(utterances(2)))
        check_contract(events)
        assert [done.status for done in of(events, UtteranceDone)] == [UtteranceStatus.EMPTY] * 2
        assert [(delta.delta, delta.final) for delta in of(events, TextDelta)] == [("", True)] * 2
        assert of(events, SpeechChunk) == []

    play(scenario())


def test_inspection_shows_what_was_asked_for_and_only_that() -> None:
    async def scenario() -> None:
        everything = config(
            source_language="en", include=frozenset(Inspect) - {Inspect.DRAFTS, Inspect.ALTERNATIVES}
        )
        async with house() as home:
            shown = await converse(home.open(everything), chunks(utterances(1)))
            plain = await converse(home.open(config(source_language="en")), chunks(utterances(1)))
        check_contract(shown)
        assert texts(shown, transcript=True) == {(0, "eng"): "eng 18944"}
        deltas = [delta for delta in of(shown, TextDelta) if not delta.transcript]
        tokens = [token for delta in deltas for token in delta.tokens]
        assert "".join(token.text for token in tokens) == "spa 18944"
        assert [token.source_ms for token in tokens] == [0, 160]
        assert tokens[0].log_probability == -0.1
        first, second = of(shown, SpeechChunk)
        assert first.units == tuple(range(75))
        assert second.units == ()
        timings = of(shown, UtteranceDone)[0].timings
        assert [timing.stage for timing in timings] == ["endpointing", "encode"]

        assert texts(plain, transcript=True) == {}
        assert all(delta.tokens == () for delta in of(plain, TextDelta))
        assert all(chunk.units == () for chunk in of(plain, SpeechChunk))
        assert of(plain, UtteranceDone)[0].timings == ()
        assert [request.source_times for request in home.engine.submitted] == [True, False]

    play(scenario())


def test_times_count_from_the_cut() -> None:
    """Spoken in real time: 1 s of speech, the cut 512 ms after it; then what the scripted engine takes."""

    async def scenario() -> None:
        async with house() as home:
            session = home.open(config(include=frozenset({Inspect.TIMINGS})))
            reader = asyncio.create_task(collect(session))
            await speak(session, utterances(1), size=160)
            await session.half_close()
            events = await reader
        done = of(events, UtteranceDone)[0]
        assert done.end_to_first_text_ms == pytest.approx(100 + 20)
        assert done.end_to_first_audio_ms == pytest.approx(100 + 3 * 20 + 50 + 50)
        # the source ends 192 ms after the speech (its padding), the cut 320 ms later, at a chunk's end
        assert done.timings[0].stage == "endpointing"
        assert done.timings[0].duration_ms == pytest.approx(320, abs=33)
        lags = [chunk.output_lag_ms for chunk in of(events, SpeechChunk)]
        assert lags == [260, 260], (
            "the second piece came before the first was over, so it is no later than that"
        )

    play(scenario())


def test_output_lag_tells_how_far_speech_falls_behind() -> None:
    """Each second of source makes four seconds of speech."""

    def long(request: Request) -> ScriptedRequest:
        return ScriptedRequest(tuple(ScriptedSequence(piece_units=(100, 100)) for _ in request.sequences))

    async def scenario() -> None:
        async with house(long) as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            await speak(session, utterances(3))
            await session.half_close()
            events = await reader
        first = {chunk.utterance_id: chunk.output_lag_ms for chunk in reversed(of(events, SpeechChunk))}
        assert first[0] == pytest.approx(260, abs=1)
        assert first[1] == pytest.approx(first[0] + 2_000, abs=150)
        assert first[2] == pytest.approx(first[0] + 4_000, abs=150)

    play(scenario())


def test_go_away_is_told_once() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            session.go_away(5_000)
            session.go_away(4_000)
            events = await converse(session, chunks(utterances(1)))
        check_contract(events)
        assert of(events, GoAway) == [GoAway(5_000)]

    play(scenario())
