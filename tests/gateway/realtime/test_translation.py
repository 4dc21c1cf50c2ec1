"""A translation session from the client's side: languages, texts, times, and what it can ask for."""

from __future__ import annotations

import itertools

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, echo_script, failing_script
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import clip, connect, pcm16, silence, tone
from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.realtime.translation_settings import INCLUDES
from translate_svc.gateway.server import GatewayServer

SPOKEN = pcm16(tone(0.6)) + pcm16(silence(0.8))


@pytest.mark.parametrize(
    ("language", "sentence", "text"),
    [
        ("es", "Hola.", "Hola. Hola. Hola."),
        ("en", "Hi.", "Hi. Hi. Hi."),
        ("ko", "안녕.", "안녕. 안녕. 안녕."),
        ("zh", "你好。", "你好。你好。你好。"),
        ("zh-Hant", "你好。", "你好。你好。你好。"),
        ("yue", "你好。", "你好。你好。你好。"),
        ("ja", "やあ。", "やあ。やあ。やあ。"),
        ("th", "สวัสดี", "สวัสดี สวัสดี สวัสดี"),
    ],
)
async def test_texts_carry_their_own_spaces(language: str, sentence: str, text: str) -> None:
    """An utterance without words in between leaves no second space."""

    def script(request: Request) -> ScriptedRequest:
        deltas = () if next(counter) == 2 else tuple(sentence)
        return ScriptedRequest((ScriptedSequence(deltas, piece_units=()),) * len(request.sequences))

    counter = itertools.count(1)
    async with (
        model_free_service(script) as service,
        GatewayServer(service) as server,
        connect(server.target) as session,
    ):
        await session.open(language)
        await session.append(SPOKEN * 4)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    assert session.text() == text
    finals = [each for each in session.of("session.output_transcript.delta") if each["is_final"]]
    assert [each["utterance_id"] for each in finals] == [0, 1, 2, 3]


async def test_texts_carry_their_space_where_the_language_changes(server: GatewayServer) -> None:
    """A client with one target appends all that it gets, and the transcript is one text to every client."""
    async with connect(server.target) as session:
        heard = {"transcription": {"model": "whatever", "language": "en"}}
        await session.open("es", audio={"input": heard})
        await session.append(SPOKEN)
        await session.update(
            audio={"input": {"transcription": {"language": "de"}}, "output": {"language": "fr"}}
        )
        await session.append(SPOKEN)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    assert session.text("en", kind="input_transcript").startswith("eng ")
    assert session.text("de", kind="input_transcript").startswith(" deu ")
    assert session.text("es").startswith("spa ")
    assert session.text("fr").startswith(" fra ")


async def test_targets_keep_their_texts_apart(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        described = await session.open("es", "zh", "de")
        assert described["audio"]["output"]["language"] == "es"
        await session.append(SPOKEN * 2)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    for code, language in (("spa", "es"), ("deu", "de")):
        one, two = session.text(language).split(f" {code} ")
        assert one.startswith(f"{code} ")
        assert two.isdecimal()
    assert session.text("zh").startswith("cmn ")
    assert session.text("zh").count("cmn") == 2
    assert " cmn" not in session.text("zh")


async def test_the_order_of_events_and_their_ids(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        await session.open("es")
        await session.append(SPOKEN)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    kinds = session.kinds()
    assert kinds[:2] == ["session.created", "session.updated"]
    assert kinds[-1] == "session.closed"
    assert set(kinds) == {
        "session.created",
        "session.updated",
        "session.output_transcript.delta",
        "session.output_audio.delta",
        "session.closed",
    }, "nothing that the SDK would take for an error"
    ids = [event["event_id"] for event in session.events]
    assert len(set(ids)) == len(ids)


async def test_times_count_from_the_beginning_of_the_audio(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        await session.open("es")
        await session.append(pcm16(silence(1.0)) + SPOKEN + SPOKEN)
        await session.send("session.close")
        await session.to_the_end()
    deltas = session.of("session.output_transcript.delta") + session.of("session.output_audio.delta")
    for delta in deltas:
        assert delta["elapsed_ms"] % 200 == 0
        # the end of speech is known only once the silence after it was heard
        assert delta["source_end_ms"] - 200 < delta["elapsed_ms"] <= delta["source_end_ms"] + 600
        starts = 1_000 + 1_400 * delta["utterance_id"]
        assert starts - 500 <= delta["source_start_ms"] <= starts + 50


@pytest.mark.asyncio(loop_scope="module")
async def test_all_of_inspection_reaches_a_session_that_asks(starter: GatewayServer) -> None:
    asked = sorted(INCLUDES)
    async with connect(starter.target) as session:
        described = await session.open(
            "es",
            include=asked,
            audio={"input": {"transcription": {"model": "whatever", "language": "en"}}},
        )
        assert described["include"] == asked
        assert described["audio"]["input"]["transcription"] == {"model": "whatever", "language": "en"}
        assert described["simultaneous"] is not None, "the starter is calibrated"
        await session.append(pcm16(clip("demo_eng.flac")))
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    assert "neighbor" in session.text(kind="input_transcript")
    for kind in ("input_transcript", "output_transcript"):
        deltas = session.of(f"session.{kind}.delta")
        tokens = [token for delta in deltas for token in delta["logprobs"]]
        assert tokens
        assert all(token["logprob"] <= 0 for token in tokens)
        assert all(bytes(token["bytes"]).decode() == token["token"] for token in tokens)
        for delta in deltas:
            assert "".join(token["token"] for token in delta["logprobs"]) == delta["delta"]
        times_ms = [token["source_ms"] for token in tokens if token["source_ms"] is not None]
        assert all(0 <= each <= 20_000 for each in times_ms)
        assert len(times_ms) > len(tokens) / 3, "words have them, and what goes on in a word need not"
    first = next(each for each in session.of("session.output_audio.delta") if "units" in each)
    assert len(first["units"]) > 10
    assert sum(first["character_durations"]) == len(first["units"])
    started, stopped = (session.of(f"session.utterance.speech_{what}") for what in ("started", "stopped"))
    assert [each["utterance_id"] for each in started] == [each["utterance_id"] for each in stopped] == [0, 1]
    assert all(
        one["audio_start_ms"] < other["audio_end_ms"] for one, other in zip(started, stopped, strict=True)
    )
    drafts = session.of("session.utterance.draft")
    assert any(draft["committed"] for draft in drafts)
    assert any(draft["held"] for draft in drafts)
    done = session.of("session.utterance.done")
    assert [each["status"] for each in done] == ["ok", "ok"]
    for each in done:
        texts = [(text["language"], text["transcript"]) for text in each["confidences"]]
        assert texts == [("es", False), ("en", True)]
        assert all(text["calibrated"] and 0.5 < text["confidence"] <= 1 for text in each["confidences"])
    assert {"encode", "decode"} <= {timing["stage"] for timing in done[0]["timings"]}
    assert session.of("session.progress")[-1]["committed_ms"] > 5_000


@pytest.mark.asyncio(loop_scope="module")
async def test_text_grows_while_somebody_speaks(starter: GatewayServer) -> None:
    """Simultaneous by default; ``null`` turns it off."""
    for simultaneous, early in ((None, False), ({}, True)):
        async with connect(starter.target) as session:
            await session.open("es", simultaneous=simultaneous)
            await session.append(pcm16(clip("demo_eng.flac")))
            await session.send("session.close")
            assert await session.to_the_end() == 1000
        deltas = session.of("session.output_transcript.delta")
        words = [each for each in deltas if each["delta"] and each["utterance_id"] == 0]
        end_ms = words[-1]["source_end_ms"]
        assert (words[0]["source_end_ms"] < end_ms) == early


async def test_the_voice_and_pace_of_a_target() -> None:
    seen: list[SequenceSpec] = []

    def script(request: Request) -> ScriptedRequest:
        seen.extend(request.sequences)
        return echo_script(request)

    async with (
        model_free_service(script) as service,
        GatewayServer(service) as server,
        connect(server.target) as session,
    ):
        await session.update(
            audio={"output": {"language": "es", "speaker_id": 45, "duration_factor": 1.5, "text": False}}
        )
        described = (await session.until("session.updated"))["session"]["audio"]["output"]
        assert (described["speaker_id"], described["duration_factor"]) == (45, 1.5)
        await session.append(SPOKEN)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    assert [(each.speaker_id, each.duration_factor) for each in seen] == [(45, 1.5)]
    assert session.text() == ""
    assert len(session.speech()) > 0


async def test_an_update_changes_what_it_names_from_the_next_utterance_on(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        await session.open("es", audio={"input": {"turn_detection": {"silence_duration_ms": 400}}})
        await session.append(SPOKEN)
        await session.update(audio={"output": {"language": "fr"}})
        described = (await session.until("session.updated"))["session"]["audio"]
        assert described["input"]["turn_detection"] == {"type": "server_vad", "silence_duration_ms": 400}
        await session.append(SPOKEN)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    assert session.text("es").startswith("spa")
    assert session.text("fr").startswith(" fra")


async def test_a_session_object_may_be_sent_back(server: GatewayServer) -> None:
    """What ``session.updated`` describes is an update that changes nothing."""
    async with connect(server.target) as session:
        described = await session.open(
            "es",
            "de",
            include=["units"],
            simultaneous={"step_ms": 320},
            audio={"input": {"turn_detection": {"threshold": 0.6}, "language": "en"}},
        )
        await session.update(**described)
        assert (await session.until("session.updated"))["session"] == described


async def test_units_are_no_error_where_nothing_speaks(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        output = {"targets": [{"language": "es", "speech": False}]}
        await session.update(include=["units"], audio={"output": output})
        assert (await session.until("session.updated"))["session"]["include"] == ["units"]
        await session.append(SPOKEN)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    assert session.text().startswith("spa ")


async def test_the_operator_may_say_what_is_spoken(service: ModelFreeService) -> None:
    """So that a program which names no language gets its transcript."""
    options = GatewayOptions(source_language="en")
    async with GatewayServer(service, options) as server, connect(server.target) as session:
        await session.open("es", audio={"input": {"transcription": {"model": "gpt-realtime-whisper"}}})
        await session.append(SPOKEN)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    assert session.text(kind="input_transcript").startswith("eng ")
    assert session.text().startswith("spa ")


async def test_a_session_that_is_closed_before_it_began(server: GatewayServer) -> None:
    async with connect(server.target) as session:
        await session.until("session.created")
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    assert session.kinds() == ["session.created", "session.closed"]


@pytest.mark.parametrize("include", [[], ["utterances"]])
async def test_an_utterance_that_fails_is_told_once_and_the_session_goes_on(include: list[str]) -> None:
    async with (
        model_free_service(failing_script) as service,
        GatewayServer(service) as server,
        connect(server.target) as session,
    ):
        await session.open("es", include=include)
        await session.append(SPOKEN * 2)
        await session.send("session.close")
        assert await session.to_the_end() == 1000
    told = [each["error"] for each in session.of("error")]
    done = [each["status"] for each in session.of("session.utterance.done")]
    if include:
        assert (told, done) == ([], ["failed"] * 2)
    else:
        assert [each["code"] for each in told] == ["translation_failed"] * 2
        assert all("The speech at" in each["message"] for each in told)
