"""``--from`` and ``--between``: the languages that are spoken, named or to be found out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import label, match_languages
from translate_svc.languages import LanguageTable
from translate_svc.types import AUTO, Echo


class SpokenSource(NamedTuple):
    """What a stream is told of the languages that are spoken."""

    language: str | None = None
    candidates: tuple[str, ...] = ()
    echo: Echo = Echo.SPEAK


def spoken_source(
    from_: str | None,
    between: Sequence[str],
    table: LanguageTable,
    *,
    transcript: bool,
    echo: Echo | None = None,
) -> SpokenSource:
    """The source that the flags name. Without any, a transcript or ``echo`` makes the model find it out.

    Raises:
        UsageError: a language is not known, is not understood as speech, or cannot be found out.
    """
    if between:
        codes = tuple(language.code for language in match_languages(between, table, "--between"))
        if len(codes) < _LEAST_LANGUAGES:
            raise UsageError("needs two languages or more", field="--between")
        return SpokenSource(AUTO, codes, echo or Echo.SILENT)
    echo = echo or Echo.SPEAK
    if from_ is None:
        return SpokenSource(AUTO, (), echo) if transcript or echo is not Echo.SPEAK else SpokenSource()
    if from_.strip().lower() == AUTO:
        return SpokenSource(AUTO, (), echo)
    found = match_languages((from_,), table, "--from")
    for language in found:
        if not language.speech_in:
            raise UsageError(f"the model does not understand spoken {label(language)}", field="--from")
    codes = tuple(language.code for language in found)
    return SpokenSource(codes[0], (), echo) if len(codes) == 1 else SpokenSource(AUTO, codes, echo)


def check_reads_text(table: LanguageTable, field: str) -> None:
    """Refuses what only a model that reads texts can do, before one that does not is loaded."""
    if not table.reads_text:
        raise UsageError("needs a model that reads texts, and this one takes speech alone", field=field)


def check_between(between: Sequence[str], to: Sequence[str], from_: str | None) -> None:
    """Refuses ``--between`` beside what it stands for."""
    for flag, given in (("--to", to), ("--from", from_)):
        if between and given:
            raise UsageError(f"stands for {flag} too", field="--between")


_LEAST_LANGUAGES = 2
