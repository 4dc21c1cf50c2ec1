"""Converts the target languages of a command line, and how they are spoken, to target settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from translate_svc.cli import options
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import label, match_language, match_languages
from translate_svc.languages import Language, LanguageTable
from translate_svc.types import (
    DEFAULT_ENCODING,
    MAX_DURATION_FACTOR,
    MIN_DURATION_FACTOR,
    AudioFormat,
    TargetSettings,
)

SPEECH_FORMAT = AudioFormat(DEFAULT_ENCODING, 16_000)
"""Format of the speech that the commands request."""


@dataclass(frozen=True, slots=True)
class SpeechStyle:
    """How the speech should sound: the values of ``--voice`` and ``--speed``.

    Attributes:
        voice: ``NUMBER`` for the only target, or ``LANGUAGE=NUMBER``; each may be a list with commas.
        speed: 1 is the model's own speed, 2 twice as fast; None if not given.
    """

    voice: options.Voice = ()
    speed: options.Speed = None

    def __post_init__(self) -> None:
        slowest, fastest = 1 / MAX_DURATION_FACTOR, 1 / MIN_DURATION_FACTOR
        if self.speed is not None and not slowest <= self.speed <= fastest:
            raise UsageError(f"must be {slowest:g} to {fastest:g}", field="--speed")

    def check_spoken(self, speech: bool, how: str) -> None:
        """Raises UsageError if a flag is given although no speech is made. ``how``: what would ask for it."""
        for flag, given in (("--voice", bool(self.voice)), ("--speed", self.speed is not None)):
            if given and not speech:
                raise UsageError(f"needs speech: give {how}", field=flag)

    def applied(self, target: TargetSettings, voices: Mapping[str, int]) -> TargetSettings:
        """``target`` with its voice of ``voices`` (by language code) and the speed."""
        if not target.speech:
            return target
        factor = 1.0 if self.speed is None else 1 / self.speed
        return replace(target, speaker_id=voices.get(target.language), duration_factor=factor)

    def voices(self, targets: Sequence[Language], table: LanguageTable) -> dict[str, int]:
        """The voices by language code.

        Raises:
            UsageError: a voice is not a number or the language has no such voice; the language is not a
                target, has a voice already, or is missing although there are several targets.
        """
        found: dict[str, int] = {}
        for text in options.comma_parts(self.voice):
            tag, equals, number = text.rpartition("=")
            if not equals and len(targets) != 1:
                raise UsageError(f"say for which language: {targets[0].bcp47}={text}", field="--voice")
            language = match_language(tag, table, "--voice") if equals else targets[0]
            if language not in targets:
                raise UsageError(f"{label(language)} is not a target", field="--voice")
            if language.code in found:
                raise UsageError(f"{label(language)} comes twice", field="--voice")
            if not number.isdecimal() or int(number) not in language.speaker_ids:
                known = ", ".join(map(str, language.speaker_ids)) or "none"
                problem = f"{label(language)} has no voice {number!r}; it has {known}"
                raise UsageError(problem, field="--voice")
            found[language.code] = int(number)
        return found


def target_settings(
    to: Sequence[str],
    table: LanguageTable,
    *,
    speech: bool,
    must_speak: bool,
    spoken: str | None,
    style: SpeechStyle = SpeechStyle(),
    flag: str = "--to",
) -> tuple[TargetSettings, ...]:
    """Target settings for every language of ``to``: text, and with ``speech`` speech if it has a voice.
    ``spoken``: the code of the language that is spoken, if one is named. ``flag``: which one named ``to``.

    Raises:
        UsageError: a language is not known or has no text, the model does not translate into it, or it
            ``must_speak`` and has no voice; or a language does not have the voice of ``style``.
    """
    languages = match_languages(to, table, flag)
    for language in languages:
        if not language.text:
            raise UsageError(f"the model does not translate into {label(language)}", field=flag)
        if not language.translated and language.code != spoken:
            into = ", ".join(each.bcp47 for each in table if each.translated)
            name = label(language)
            said = f"writes {name} only where --from names it"
            if flag != "--to":
                said = f"does not translate into {name}"
            raise UsageError(f"the model {said}; it translates into {into}", field=flag)
        if must_speak and not language.speech_out:
            raise UsageError(f"the model has no voice for {label(language)}", field=flag)
    voices = style.voices(languages, table)
    return tuple(
        style.applied(TargetSettings(language.code, speech=speech and language.speech_out), voices)
        for language in languages
    )
