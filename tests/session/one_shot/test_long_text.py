"""A text of several sentences: one utterance for the reader, many requests for the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import collect, house, of, texts
from tests.session.one_shot.one_shot_calls import S16, done, play, text_call
from translate_svc.confidence import ConfidenceRule, Logistic, Threshold
from translate_svc.engine.request import Request, SourceText
from translate_svc.types import (
    AudioFormat,
    Encoding,
    Inspect,
    SpeechChunk,
    StreamWarning,
    TargetSettings,
    TextDelta,
    UtteranceStatus,
)

_SENTENCES = [
    "One is here.",
    "Two is also here.",
    "Three is the last that comes.",
    "Four.",
    "Five is it.",
    "Six.",
]
_TEXT = " ".join(_SENTENCES)
_TRANSLATION = " ".join(f"spa {len(sentence)}" for sentence in _SENTENCES)


def test_sentences_are_translated_one_by_one_and_joined() -> None:
    async def scenario() -> None:
        async with house() as home:
            events = await collect(home.translate(text_call(_TEXT, include=frozenset({Inspect.TIMINGS}))))
            assert home.admission.live == 0
        assert [request.source for request in home.engine.submitted] == [
            SourceText(sentence, "eng") for sentence in _SENTENCES
        ]
        assert texts(events) == {(0, "spa"): _TRANSLATION}
        assert [delta.final for delta in of(events, TextDelta)].count(True) == 1
        assert of(events, TextDelta)[-1].final
        assert done(events).status is UtteranceStatus.OK
        assert done(events).usage.utterances == 1
        assert done(events).end_to_first_text_ms == pytest.approx(120)

    play(scenario())


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("1. One.\n2. Two.", "1. spa 4\n2. spa 4"),
        ("- One.", "- spa 4"),
        ("* One. Two.", "* spa 4 spa 4"),
        ('"One. Two."', '"spa 4 spa 4"'),
        ("**One.** \U0001f642 Two.", "**spa 4** \U0001f642 spa 4"),
        ("One.\n***", "spa 4\n***"),
        ("(On\u00ade.)", "(spa 4)"),
    ],
)
def test_marks_stand_before_the_translation_as_they_are(text: str, translation: str) -> None:
    async def scenario() -> None:
        async with house() as home:
            events = await collect(home.translate(text_call(text, include=frozenset({Inspect.TOKENS}))))
        assert texts(events) == {(0, "spa"): translation}
        for delta in (each for each in of(events, TextDelta) if each.tokens):
            assert "".join(token.text for token in delta.tokens) == delta.delta
        assert all(
            request.source in (SourceText("One.", "eng"), SourceText("Two.", "eng"))
            for request in home.engine.submitted
        )

    play(scenario())


@pytest.mark.parametrize("speech", [False, True])
def test_a_text_without_a_word_stays_as_it_is_and_costs_nothing(speech: bool) -> None:
    async def scenario() -> None:
        async with house() as home:
            targets = (TargetSettings("es", speech=speech),)
            events = await collect(home.translate(text_call("\U0001f642", targets=targets)))
            assert home.engine.submitted == []
        assert texts(events) == {(0, "spa"): "\U0001f642"}
        assert done(events).status is UtteranceStatus.OK
        assert of(events, StreamWarning) == []
        assert of(events, SpeechChunk) == []

    play(scenario())


@pytest.mark.parametrize(
    "output", [S16, AudioFormat(Encoding.PCM_S16LE, 8_000), AudioFormat(Encoding.OPUS, 48_000)]
)
def test_speech_goes_on_from_sentence_to_sentence_after_a_pause(output: AudioFormat) -> None:
    async def scenario() -> None:
        async with house() as home:
            events = await collect(home.translate(text_call(_TEXT, output=output)))
        chunks, position = of(events, SpeechChunk), 0
        for chunk in chunks:
            assert chunk.start_sample == position
            position += chunk.sample_count
        assert [chunk.final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        lasts_s = 1.5 * len(_SENTENCES) + 0.4 * (len(_SENTENCES) - 1)
        assert position / output.sample_rate_hz == pytest.approx(lasts_s, abs=0.02)
        assert done(events).usage.speech_ms == pytest.approx(1_000 * lasts_s, abs=20)

    play(scenario())


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("1. One.\nTWO IS HERE.\n\n- Three. Four.", ["One.", "Two is here.", "Three.", "Four."]),
        ('"Three. One." \U0001f642 (Four.)', ["Three.", "One.", "Four."]),
        ("Three. One. Four.", ["Three.", "One.", "Four."]),
    ],
)
def test_it_is_told_where_each_sentence_stands_and_how_sure_it_is(text: str, sentences: list[str]) -> None:
    rule = ConfidenceRule(alone=Logistic(-2.5, (-1.0, -2.0, 0.0)), threshold=Threshold(0.0, 0.0))
    sure, unsure = rule.confidence([-0.1]), rule.confidence([-1.5])

    def script(request: Request) -> ScriptedRequest:
        assert isinstance(request.source, SourceText)
        score = -1.5 if request.source.text == "Three." else -0.1
        return ScriptedRequest((ScriptedSequence((f"<{request.source.text}>",), log_probability=score),) * 2)

    async def scenario() -> None:
        async with house(script=script) as home:
            home.negotiator = replace(home.negotiator, confidence=rule)
            targets = (TargetSettings("es", speech=False), TargetSettings("fr", text=False, speech=True))
            events = await collect(home.translate(text_call(text, targets=targets)))
        said = texts(events)[0, "spa"]
        spanish, french = done(events).confidences
        told = [said[each.text_start : each.text_end] for each in spanish.sentences]
        assert told == [f"<{each}>" for each in sentences]
        assert [(each.confidence, each.unsure) for each in spanish.sentences] == [
            (unsure, True) if sentence == "<Three.>" else (sure, False) for sentence in told
        ]
        assert spanish.confidence == unsure
        assert french.sentences == (), "it has no text"

    play(scenario())


def test_few_sentences_are_in_the_engine_at_once() -> None:
    async def scenario() -> None:
        most = 0
        async with house() as home:
            call = home.translate(text_call(" ".join(["Here it is."] * 40)))
            async for _ in call.events():
                most = max(most, len(home.engine.live_request_ids))
            await call.cancel()
        assert len(home.engine.submitted) == 40
        assert 1 < most <= 4

    play(scenario())


def test_a_failed_sentence_is_named_and_the_others_stay() -> None:
    def script(request: Request) -> ScriptedRequest:
        assert isinstance(request.source, SourceText)
        if request.source.text == "Four.":
            return ScriptedRequest((ScriptedSequence(fail_after_tokens=0),))
        return ScriptedRequest((ScriptedSequence((request.source.text.upper(),)),))

    async def scenario() -> None:
        async with house(script=script) as home:
            targets = (TargetSettings("es", speech=False),)
            events = await collect(home.translate(text_call(_TEXT, targets=targets)))
        expected = " ".join(sentence.upper() for sentence in _SENTENCES if sentence != "Four.")
        assert texts(events)[0, "spa"] == expected
        (warning,) = of(events, StreamWarning)
        assert warning.utterance_id == 0
        assert warning.message.startswith("sentence 4: ")
        assert done(events).status is UtteranceStatus.FAILED
        assert of(events, TextDelta)[-1].final

    play(scenario())


def test_warnings_come_in_the_order_of_their_sentences() -> None:
    """Although a later sentence fails before an earlier one does."""

    def script(request: Request) -> ScriptedRequest:
        assert isinstance(request.source, SourceText)
        slow = 2.0 if request.source.text == _SENTENCES[1] else 0.0
        return ScriptedRequest((ScriptedSequence(),), encode_s=slow, encode_fails=True)

    async def scenario() -> None:
        async with house(script=script) as home:
            targets = (TargetSettings("es", speech=False),)
            events = await collect(home.translate(text_call(_TEXT, targets=targets)))
        told = [warning.message.split(":")[0] for warning in of(events, StreamWarning)]
        assert told == [f"sentence {number}" for number in range(1, len(_SENTENCES) + 1)]

    play(scenario())
