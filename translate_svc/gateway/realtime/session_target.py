"""A target language of a translation session, as ``session.update`` names it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.json_object import JsonObject
from translate_svc.languages import LanguageTable
from translate_svc.types import TargetSettings

TARGET_FIELDS = tuple(each.name for each in fields(TargetSettings))


@dataclass(frozen=True, slots=True)
class SessionTarget:
    """One target language. ``speech`` None: where the language has a voice."""

    language: str
    text: bool = True
    speech: bool | None = None
    speaker_id: int | None = None
    duration_factor: float = 1.0
    catch_up_duration_factor: float | None = None

    def speaks(self, languages: LanguageTable) -> bool:
        """Whether this target has speech."""
        if self.speech is not None:
            return self.speech
        language = languages.find(self.language)
        return language is None or language.speech_out

    def updated(self, wanted: JsonObject, known: tuple[str, ...] = TARGET_FIELDS) -> SessionTarget:
        """This target with the changes of ``wanted``, which may have the fields ``known``.

        Raises:
            InvalidArgument: a field is unknown or its value is not valid, or no language is named. Names it.
        """
        wanted.refuse_unknown(known)
        language = wanted.text("language", self.language)
        if not language:
            raise InvalidArgument("is required", field=wanted.under("language"))
        return SessionTarget(
            language,
            wanted.boolean("text", self.text),
            wanted.boolean("speech", None) if "speech" in wanted else self.speech,
            wanted.whole("speaker_id", None) if "speaker_id" in wanted else self.speaker_id,
            wanted.number("duration_factor", self.duration_factor),
            wanted.number("catch_up_duration_factor", None)
            if "catch_up_duration_factor" in wanted
            else self.catch_up_duration_factor,
        )

    def target_settings(self, languages: LanguageTable) -> TargetSettings:
        """What a stream asks for. ``languages`` are those of the loaded checkpoint."""
        return TargetSettings(
            self.language,
            self.text,
            self.speaks(languages),
            self.speaker_id,
            self.duration_factor,
            self.catch_up_duration_factor,
        )

    def to_json(self, languages: LanguageTable) -> dict[str, Any]:
        """The fields as the session object tells them."""
        return {
            "language": bcp47(self.language, languages),
            "text": self.text,
            "speech": self.speaks(languages),
            "speaker_id": self.speaker_id,
            "duration_factor": self.duration_factor,
            "catch_up_duration_factor": self.catch_up_duration_factor,
        }


def bcp47(tag: str, languages: LanguageTable) -> str:
    """The BCP-47 tag of a language; ``tag`` itself if the checkpoint does not have the language."""
    language = languages.find(tag)
    return tag if language is None else language.bcp47
