"""The language that a stream's speakers use: named, found out, or not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import InvalidArgument
from translate_svc.heard_language import HeardLanguage, LanguageQuestion
from translate_svc.languages import LanguageTable
from translate_svc.types import AUTO, Echo, Inspect, StreamSettings

DECIDED_AFTER_S = 1.5
"""So much speech is heard at most before simultaneous translation goes on with a probable language."""

_OTHER_IF_NAMED = 0.02
"""Prior probability of a language that is none of the candidates that a caller has named."""

_SAME_AGAIN = 3.0
"""How many times likelier the language of the utterance before is, unless people take turns."""


def negotiate_source(
    settings: StreamSettings, languages: LanguageTable, detected: Sequence[str], path: str
) -> tuple[str | None, tuple[str, ...]]:
    """The source language, and the candidates that were named where it is to be found out.

    Args:
        detected: codes of the languages that the model can tell.
        path: of the settings, with a dot at its end; empty for a call.

    Raises:
        InvalidArgument: an unknown language, one that is not understood as speech, or not written where a
            transcript is wanted; a transcript without a source language; a language to be found out that
            cannot be; candidates without need, or one twice. Names the field.
    """
    transcript, field = Inspect.TRANSCRIPT in settings.include, f"{path}source_language"
    if (settings.source_language or "").lower() == AUTO:
        if settings.terms:
            raise InvalidArgument("must be named where there are terms", field=field)
        return AUTO, _candidates(settings.source_candidates, languages, detected, path)
    if settings.source_candidates:
        raise InvalidArgument('needs source_language "auto"', field=f"{path}source_candidates")
    if not settings.source_language:
        if transcript or settings.terms:
            needed_by = "a transcript" if transcript else "terms"
            raise InvalidArgument(f"is required for {needed_by}", field=field)
        return None, ()
    language = languages.resolve(settings.source_language, field)
    if not language.speech_in:
        raise InvalidArgument("is not understood as speech by this model", field=field)
    if (transcript or settings.terms) and not language.text:
        raise InvalidArgument("cannot be transcribed by this model", field=field)
    return language.code, ()


def _candidates(
    wanted: Sequence[str], languages: LanguageTable, detected: Sequence[str], path: str
) -> tuple[str, ...]:
    if not detected:
        raise InvalidArgument("cannot be found out by this model", field=f"{path}source_language")
    codes: list[str] = []
    for index, tag in enumerate(wanted):
        field = f"{path}source_candidates[{index}]"
        code = languages.resolve(tag, field).code
        if code not in detected:
            raise InvalidArgument("cannot be told by its sound by this model", field=field)
        if code in codes:
            raise InvalidArgument("is a candidate already", field=field)
        codes.append(code)
    return tuple(codes)


def with_echo(spec: SequenceSpec, echo: Echo) -> SequenceSpec:
    """The sequence of a target, by what becomes of it where its language is spoken already."""
    match echo:
        case Echo.SPEAK:
            return spec
        case Echo.TEXT | Echo.PASS:  # what is passed is not synthesized
            return replace(spec, unspoken_from=(spec.language,))
        case Echo.SILENT:
            return replace(spec, not_from=(spec.language,))


def takes_turns(settings: StreamSettings) -> bool:
    """Whether it is a conversation: each of the languages is spoken, and a target while another one is.

    ``settings``: as negotiated.
    """
    targets = {target.language for target in settings.targets}
    return settings.echo is Echo.SILENT and set(settings.source_candidates) == targets


class _Settled(Protocol):
    """What a question depends on of ``Negotiated``."""

    @property
    def settings(self) -> StreamSettings:
        """As negotiated."""

    @property
    def detected(self) -> tuple[str, ...]:
        """Languages that the model can tell."""


class Turns:
    """Who speaks which language in a stream: what is asked about the next utterance."""

    def __init__(self) -> None:
        self._last: str | None = None

    def record(self, heard: HeardLanguage) -> None:
        """An utterance was heard."""
        if heard.language is not None and not heard.is_guess:
            self._last = heard.language

    def question(
        self, settled: _Settled, *, known: str | None, is_last: bool, may_guess: bool = True
    ) -> LanguageQuestion | None:
        """What a request asks; None if nothing depends on the language.

        ``known``: the language that was found for the utterance. ``is_last`` and ``may_guess``: as of
        ``LanguageQuestion``.
        """
        settings = settled.settings
        if settings.source_language != AUTO:
            depends = settings.source_language is not None and settings.echo is not Echo.SPEAK
            return LanguageQuestion(known=settings.source_language) if depends else None
        named = settings.source_candidates
        candidates = named or settled.detected
        take_turns = takes_turns(settings)
        weights = dict.fromkeys(candidates, 1.0)
        if self._last in weights and not take_turns:
            weights[self._last] = _SAME_AGAIN
        other = _OTHER_IF_NAMED if named else 1.0 / (len(candidates) + 1)
        total = sum(weights.values())
        prior = {code: (1.0 - other) * weight / total for code, weight in weights.items()}
        assumed = self._partner(candidates) if take_turns else None
        return LanguageQuestion(prior, assumed, is_last, may_guess, known)

    def _partner(self, candidates: Sequence[str]) -> str:
        """The one after who spoke last."""
        place = candidates.index(self._last) + 1 if self._last in candidates else 0
        return candidates[place % len(candidates)]
