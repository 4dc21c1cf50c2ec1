"""Typed texts with known translations, and what a checkpoint makes of them.

A file of them is a list of objects with

* ``language``: the Seamless code of the text, and ``text``;
* ``texts``: by Seamless code, the translations that count as right. Without any, none of the checkpoint is:
  the sentence lies outside of what it can say.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from translate_svc.cli.labelled_clips import score_given, words
from translate_svc.confidence import Agreement
from translate_svc.engine.request import SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.models.confidence.fit import LabelledText
from translate_svc.service import Service
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_ENCODING,
    AudioFormat,
    Caller,
    GuardSettings,
    Inspect,
    StreamWarning,
    TargetSettings,
    TextDelta,
    TranslateRequest,
)

_FORMAT = AudioFormat(SAMPLES_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
_CONCURRENT_CALLS = 4


@dataclass(frozen=True, slots=True)
class TypedText:
    """A text in ``language``, and by language the translations that count as right."""

    language: str
    text: str
    texts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TypedTranslation:
    """What a checkpoint made of a text: whether it is right, and whether the service warned of it."""

    source: TypedText
    language: str
    text: str
    log_probabilities: tuple[float, ...]
    flagged: bool

    @property
    def right(self) -> bool:
        """Whether it has the words of a right translation."""
        return any(words(self.text) == words(each) for each in self.source.texts[self.language])


def read_typed(path: Path) -> list[TypedText]:
    """The texts of a file.

    Raises:
        OSError, ValueError, LookupError, TypeError: it holds no such texts.
    """
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        TypedText(
            row["language"],
            row["text"],
            {code: tuple(right) for code, right in row["texts"].items()},
        )
        for row in rows
    ]


async def translate_typed(
    service: Service, texts: Sequence[TypedText], report: Callable[[], None] = lambda: None
) -> list[TypedTranslation]:
    """The translations of the texts in the checkpoint's languages, in order. ``report`` is called after each
    text.
    """
    gate = asyncio.Semaphore(_CONCURRENT_CALLS)
    written = {language.code for language in service.languages() if language.text}

    async def one(text: TypedText) -> list[TypedTranslation]:
        async with gate:
            found = [
                await _translated(service, text, language)
                for language in text.texts
                if text.language in written and language in written
            ]
        report()
        return found

    return [each for found in await asyncio.gather(*map(one, texts)) for each in found]


async def judged_typed(service: Service, translations: Sequence[TypedTranslation]) -> list[LabelledText]:
    """Those that are not empty, each with how probable its source is as a translation of it."""
    kept = [each for each in translations if each.log_probabilities and each.text.strip()]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(each.source.text for each in kept))}
    found = []
    for each in kept:
        given = SequenceSpec(each.source.language, given_text=each.source.text)
        scores = await score_given(service.engine, SourceText(each.text, each.language), given)
        agreement = Agreement(transcript=scores)
        number = numbers[each.source.text]
        found.append(LabelledText(number, each.log_probabilities, (), each.right, agreement=agreement))
    return found


async def _translated(service: Service, text: TypedText, language: str) -> TypedTranslation:
    call = TranslateRequest(
        text.text,
        (TargetSettings(language, speech=False),),
        _FORMAT,
        text.language,
        frozenset({Inspect.TOKENS}),
        GuardSettings(),
    )
    said, scores, flagged = "", [], False
    one_shot = await service.translate(call, Caller("calibration"))
    try:
        async for event in one_shot.events():
            if isinstance(event, TextDelta):
                said += event.delta
                scores += [token.log_probability for token in event.tokens]
            elif isinstance(event, StreamWarning):
                flagged = True
    finally:
        await one_shot.cancel()
    return TypedTranslation(text, language, said, tuple(scores), flagged)
