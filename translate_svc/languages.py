"""Languages: from tags to Seamless codes, and which inputs and outputs the model supports for each.

The packaged table (``data/seamless_m4t_v2_languages.csv``) describes the published SeamlessM4T v2. A loaded
checkpoint supports the part of the table that its ``generation_config.json`` maps.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from translate_svc.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    Attributes:
        speaker_ids: the vocoder's voices for the language, the default voice first.
        translated: whether speech of other languages is translated into it. If not, it is written only where
            it is spoken.
        scripts: scripts that the language is written in today (ISO 15924); empty if not known.
        detected: the model can tell it by its sound.
        detection_accuracy: how often the model is right when it tells languages, 0 to 1; 0: not measured.
        detection_source: what it has learnt that from, for people to read.
    """

    code: str
    bcp47: str
    name: str
    speech_in: bool = True
    text: bool = True
    speech_out: bool = False
    speaker_ids: tuple[int, ...] = ()
    scripts: tuple[str, ...] = ()
    translated: bool = True
    detected: bool = False
    detection_accuracy: float = 0.0
    detection_source: str = ""


_MAX_TAG_CHARACTERS = 64
"""Longer than any language tag (RFC 5646, 4.4.1: 35 suffice). The cost of a lookup grows with its square."""


class LanguageTable:
    """Languages by tag.

    A tag is a Seamless code (``spa``, ``cmn_Hant``) or a BCP-47 tag (``es``, ``es-MX``, ``zh-Hant``). Case
    does not matter and ``_`` equals ``-``. A longer BCP-47 tag falls back to its prefixes (RFC 4647, lookup):
    ``es-MX`` is served as ``es``, and ``zh-Hant-TW`` as ``zh-Hant``.

    Attributes:
        reads_text: whether the model takes texts. True as well if that is not known, as of a server's.
    """

    def __init__(self, languages: Iterable[Language], *, reads_text: bool = True) -> None:
        self._languages = tuple(languages)
        self.reads_text = reads_text
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
        """The language of a tag, or None if the table has none."""
        if len(tag) > _MAX_TAG_CHARACTERS:
            return None
        subtags = _normal(tag).split("-")
        for length in range(len(subtags), 0, -1):
            if found := self._by_tag.get("-".join(subtags[:length])):
                return found
        return None

    def resolve(self, tag: str, field: str) -> Language:
        """The language of a tag.

        Raises:
            InvalidArgument: the tag is empty, or no language of this table has it. Names ``field``.
        """
        if not tag:
            raise InvalidArgument("is required", field=field)
        found = self.find(tag)
        if found is None:
            raise InvalidArgument(
                "is not a language of the loaded model (ListLanguages tells which are)", field=field
            )
        return found

    def check_written(self, targets: Sequence[str], source: str | None, path: str) -> None:
        """Checks that targets can be written of speech in ``source`` (codes; None: not known).

        Raises:
            InvalidArgument: one is written only where it is spoken. Names it by the path of them all.
        """
        into = [each.code for each in self._languages if each.translated]
        for index, target in enumerate(targets):
            if target != source and target not in into:
                message = "is written by this model only where it is the source_language; it translates into "
                raise InvalidArgument(message + ", ".join(into), field=f"{path}[{index}].language")

    def narrowed(
        self,
        *,
        text_codes: Collection[str],
        speech_codes: Collection[str],
        speaker_ids: Mapping[str, tuple[int, ...]],
        translation_codes: Collection[str] | None = None,
    ) -> LanguageTable:
        """The part of this table that a checkpoint supports.

        Args:
            text_codes: Seamless codes that the text decoder knows.
            speech_codes: codes that text-to-unit and the vocoder both know.
            speaker_ids: voices by code if the checkpoint names its own, the default voice first.
            translation_codes: codes that the checkpoint translates into; None: all of ``text_codes``.

        A code that this table lacks is added as it is: a model trained by the operator may support any
        language. A checkpoint does not list languages that it only understands (``ast``). They are kept if
        the checkpoint supports all other languages of this table.
        """
        by_code = {language.code: language for language in self._languages}
        spoken = set(speech_codes)
        published = {language.code for language in self._languages if language.text} <= set(text_codes)
        kept = [language for language in self._languages if published and not language.text]
        for code in sorted(set(text_codes)):
            known = by_code.get(code, Language(code, code, code))
            voices = tuple(speaker_ids.get(code, known.speaker_ids))
            speaks = code in spoken and bool(voices)
            kept.append(
                replace(
                    known,
                    text=True,
                    speech_out=speaks,
                    speaker_ids=voices if speaks else (),
                    translated=translation_codes is None or code in translation_codes,
                )
            )
        return LanguageTable(kept)


def _normal(tag: str) -> str:
    return tag.replace("_", "-").lower()


@functools.cache
def packaged() -> LanguageTable:
    """The languages of the published SeamlessM4T v2 (code, tag, name, abilities, voices, scripts).

    The first script of a language is the one in the paper's table of languages. Further scripts are those
    that CLDR lists as in everyday use (Serbian in Latin, Uzbek in Cyrillic).
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
