"""Texts of a file go to a translator together, and its first refusal is what the caller hears of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from translate_svc.cli.backends.patience import Patience
from translate_svc.cli.media.text_files import Passage, TextFile, cue_lines
from translate_svc.cli.media.text_translation import translate_texts
from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.errors import OutOfRange
from translate_svc.subtitles.cues import Cue
from translate_svc.types import (
    Closed,
    SampleRange,
    SentenceConfidence,
    SessionEvent,
    StreamSettings,
    TargetSettings,
    TextConfidence,
    TextDelta,
    TranslateRequest,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)


class _Refusing:
    async def translate(self, request: TranslateRequest) -> AsyncIterator[SessionEvent]:
        if request.source:
            raise OutOfRange("has more than 3 characters", field="text")
        yield Closed(complete=True)


class _Sure:
    """Two sentences, of which it tells where they stand."""

    async def translate(self, request: TranslateRequest) -> AsyncIterator[SessionEvent]:
        nowhere = SampleRange(0, 0)
        sentences = (SentenceConfidence(0, 4, 0.1, True), SentenceConfidence(5, 17, 0.9, False))
        yield TextDelta(0, nowhere, "spa", "Uno. Dos y tres son.", True, False)
        confidence = TextConfidence("spa", False, 0.1, True, sentences)
        yield UtteranceDone(0, nowhere, UtteranceStatus.OK, Usage(), confidences=(confidence,))


class _Events:
    def __init__(self) -> None:
        self.done: list[UtteranceDone] = []

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        if isinstance(event, UtteranceDone):
            self.done.append(event)

    def finish(self, source_samples: int) -> None:
        pass


@pytest.mark.parametrize(("cues", "told"), [(1, 2), (2, 0)])
def test_places_of_sentences_are_told_of_a_text_that_is_not_parted(cues: int, told: int) -> None:
    passage = Passage(tuple(Cue(number, number + 1, ("word",)) for number in range(cues)))
    settings, events = StreamSettings((TargetSettings("spa"),), "eng"), _Events()
    translating = translate_texts(
        TextFile((passage,)),
        settings,
        _Sure(),  # type: ignore[arg-type]
        [events],
        0,
        patience=Patience(),
    )
    asyncio.run(translating)
    assert len(events.done) == cues
    (confidence,) = events.done[-1].confidences
    assert (confidence.confidence, len(confidence.sentences)) == (0.1, told)


def test_a_refused_text_is_an_error_of_its_own() -> None:
    text = TextFile(tuple(Passage((Cue(0, 0, (word,)),)) for word in ("Good", "morning")))
    settings = StreamSettings((TargetSettings("spa"),), "eng")
    translating = translate_texts(text, settings, _Refusing(), [], 0, patience=Patience())  # type: ignore[arg-type]
    with pytest.raises(OutOfRange, match="more than 3"):
        asyncio.run(translating)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("- Hola. - Buenas.", ("- Hola.", "- Buenas.")),
        ("\u2013Hola. (?) \u2013\u00bfQu\u00e9 tal?", ("\u2013Hola. (?)", "\u2013\u00bfQu\u00e9 tal?")),
        (
            "\u2014 El tren a Barcelona sale a las seis y cuarto. \u2014 Gracias.",
            ("\u2014 El tren a Barcelona", "sale a las seis y cuarto.", "\u2014 Gracias."),
        ),
        ("- Ma\u00f1ana, tal vez - o nunca.", ("- Ma\u00f1ana, tal vez - o nunca.",)),
        ("Hola. - Buenas.", ("Hola. - Buenas.",)),
    ],
)
def test_each_speaker_of_a_dialogue_begins_a_line(text: str, lines: tuple[str, ...]) -> None:
    assert cue_lines(text) == lines
