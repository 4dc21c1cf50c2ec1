"""Languages: tags in, Seamless codes out, and what can be done with each.

The packaged table (``data/seamless_m4t_v2_languages.csv``) describes the published SeamlessM4T v2; what a
loaded checkpoint can do is the table narrowed to the languages its ``generation_config.json`` maps.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources

from translate_svc.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Language:
    """One language. ``speaker_ids`` are the vocoder's voices for it, the default one first; ``scripts`` (ISO
    15924) those it is written in today, none where that is not known.
    """

    code: str
    bcp47: str
    name: str
    speech_in: bool = True
    text: bool = True
    speech_out: bool = False
    speaker_ids: tuple[int, ...] = ()
    scripts: tuple[str, ...] = ()


_MAX_TAG_CHARACTERS = 64
"""More than any language tag has (RFC 5646, 4.4.1: 35 will do); what follows costs its square."""


class LanguageTable:
    """Languages by tag.

    A tag is a Seamless code (``spa``, ``cmn_Hant``) or a BCP-47 tag (``es``, ``es-MX``, ``zh-Hant``). Case
    does not matter and ``_`` equals ``-``. A longer BCP-47 tag falls back to its prefixes (RFC 4647, lookup):
    ``es-MX`` is served as ``es``, and ``zh-Hant-TW`` as ``zh-Hant``.
    """

    def __init__(self, languages: Iterable[Language]) -> None:
        self._languages = tuple(languages)
        self._by_tag: dict[str, Language] = {}
        for language in self._languages:
            for tag in {_normal(language.code), _normal(language.bcp47)}:
                if self._by_tag.setdefault(tag, language) is not language:
                    raise ValueError(f"two languages share the tag {tag!r}")

    def __iter__(self) -> Iterator[Language]:
        return iter(self._languages)

    def __len__(self) -> int:
        return len(self._languages)

    def find(self, tag: str) -> Language | None:
        """The language that a tag means, or None."""
        if len(tag) > _MAX_TAG_CHARACTERS:
            return None
        subtags = _normal(tag).split("-")
        for length in range(len(subtags), 0, -1):
            if found := self._by_tag.get("-".join(subtags[:length])):
                return found
        return None

    def resolve(self, tag: str, field: str) -> Language:
        """The language that a tag means.

        Raises:
            InvalidArgument: the tag is empty or means no language of this table; names ``field``.
        """
        if not tag:
            raise InvalidArgument("is required", field=field)
        found = self.find(tag)
        if found is None:
            raise InvalidArgument(
                "is not a language of the loaded model (ListLanguages tells which are)", field=field
            )
        return found

    def narrowed(
        self,
        *,
        text_codes: Collection[str],
        speech_codes: Collection[str],
        speaker_ids: Mapping[str, tuple[int, ...]],
    ) -> LanguageTable:
        """The part of this table that a checkpoint can do.

        Args:
            text_codes: Seamless codes that the text decoder knows.
            speech_codes: codes that text-to-unit and the vocoder both know.
            speaker_ids: voices by code where the checkpoint names its own, the default one first.

        A code that this table lacks is taken as it is: a model of one's own may speak any language. Languages
        that are only understood (``ast``) leave no trace in a checkpoint; they stay when all others do.
        """
        by_code = {language.code: language for language in self._languages}
        spoken = set(speech_codes)
        published = {language.code for language in self._languages if language.text} <= set(text_codes)
        kept = [language for language in self._languages if published and not language.text]
        for code in sorted(set(text_codes)):
            known = by_code.get(code, Language(code, code, code))
            voices = tuple(speaker_ids.get(code, known.speaker_ids))
            speaks = code in spoken and bool(voices)
            kept.append(replace(known, text=True, speech_out=speaks, speaker_ids=voices if speaks else ()))
        return LanguageTable(kept)


def _normal(tag: str) -> str:
    return tag.replace("_", "-").lower()


@functools.cache
def packaged() -> LanguageTable:
    """The languages of the published SeamlessM4T v2 (code, tag, name, abilities, voices, scripts).

    The first script is the one that the paper's table of languages names; further ones are those that CLDR
    lists as in everyday use (Serbian in Latin, Uzbek in Cyrillic).
    """
    text = resources.files("translate_svc").joinpath("data/seamless_m4t_v2_languages.csv").read_text("utf-8")
    return LanguageTable(
        Language(
            code=row["code"],
            bcp47=row["bcp47"],
            name=row["name"],
            speech_in=row["speech_in"] == "1",
            text=row["text"] == "1",
            speech_out=row["speech_out"] == "1",
            speaker_ids=tuple(int(speaker) for speaker in row["vocoder_speaker_ids"].split()),
            scripts=tuple(row["scripts"].split()),
        )
        for row in csv.DictReader(text.splitlines())
    )
