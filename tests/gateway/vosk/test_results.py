"""Results of Vosk's protocol: their order, and what they say of texts that the model is unsure of."""

from __future__ import annotations

import json
from typing import Any

from translate_svc.gateway.vosk.recognition import Recognition
from translate_svc.types import (
    Closed,
    SampleRange,
    SpeechStarted,
    TextConfidence,
    TextDelta,
    TokenInfo,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)


class Answers:
    """The socket of a client that sends nothing more."""

    bytes_out = 0

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send_message(self, text: str) -> None:
        self.sent.append(json.loads(text))


def said(number: int, text: str) -> list[SpeechStarted | TextDelta]:
    source = SampleRange(number * 16_000, number * 16_000 + 8_000)
    tokens = (TokenInfo(text, 7, 0.0, 0),)
    return [
        SpeechStarted(number, source.start, source.start),
        TextDelta(number, source, "eng", text, True, False, tokens),
    ]


def done(number: int, *confidences: TextConfidence) -> UtteranceDone:
    source = SampleRange(number * 16_000, number * 16_000 + 8_000)
    return UtteranceDone(number, source, UtteranceStatus.OK, Usage(), confidences=confidences)


async def result_of(*events: Any) -> dict[str, Any]:
    answers: Any = Answers()
    recognition = Recognition(answers, None, 16_000, words=True)
    for event in (*events, Closed(complete=True)):
        await recognition.send(event)
    (answer,) = answers.sent
    return dict(answer)


async def test_sentences_keep_their_order_although_a_later_one_ends_first() -> None:
    answer = await result_of(*said(0, "Hello."), *said(1, "Goodbye."), done(1), done(0))
    assert answer["text"] == "Hello. Goodbye."


async def test_conf_is_how_sure_the_model_is_of_the_text() -> None:
    """Each token may be probable where the whole text is invented."""
    unsure = TextConfidence("eng", True, 0.25, True)
    answer = await result_of(*said(0, "Hello."), *said(1, "Goodbye."), done(0, unsure), done(1))
    assert [word["conf"] for word in answer["result"]] == [0.25, 1.0]
