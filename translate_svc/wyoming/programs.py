"""What a server offers to clients of Wyoming: recognition, translations of it, and voices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from translate_svc.errors import InvalidArgument
from translate_svc.languages import Language
from translate_svc.serving.protocols import TranslationService
from translate_svc.wyoming.wyoming_event import WyomingEvent, text_of

NAME = "translate-svc"
"""The program that writes what is said, in its own language. ``translate-svc-es`` writes it in Spanish."""

_ATTRIBUTION = {"name": NAME, "url": ""}
_BETWEEN = ">"


class Voice(NamedTuple):
    """Speaks texts of one language in another one. ``speaker_id`` None: the usual voice."""

    source: Language
    target: Language
    speaker_id: int | None


class Programs:
    """The programs of a server.

    The protocol lets a client choose a program, not a target language; those that choose none get the first
    of a kind. So each target is a program, and the operator says which is the first. A model that translates
    speaks texts of another language only, and a request for speech does not say of which: so a voice stands
    for a pair of languages, ``en>es``, and is listed as one of the text's language.
    """

    def __init__(self, service: TranslationService, target: str) -> None:
        """``target``: of who chooses no program; empty: none, texts stay in the language of the speaker.

        Raises:
            InvalidArgument: the model does not translate into ``target``. Names ``wyoming_target``.
        """
        info = service.info()
        self.languages = service.languages()
        self._about = {
            "attribution": _ATTRIBUTION,
            "installed": True,
            "version": info.version,
        }
        self._model = info.model.name
        self._speaks = self.languages.reads_text and any(each.speech_out for each in self.languages)
        targets = [each for each in self.languages if each.text and each.translated]
        self._target = self.languages.find(target) if target else None
        if target and self._target not in targets:
            into = ", ".join(each.bcp47 for each in targets) or "none"
            message = f"is not a language that this model translates into; those are {into}"
            raise InvalidArgument(message, field="wyoming_target")
        names: dict[str, Language | None] = {NAME: None}
        names |= {f"{NAME}-{each.bcp47}": each for each in targets}
        self._programs = dict(sorted(names.items(), key=lambda item: item[1] is not self._target))
        self.info = WyomingEvent("info", self._described()).encoded
        """The encoded answer to ``describe``."""

    def target_of(self, *names: str) -> Language | None:
        """Into what a program translates; None: it writes what is said. Of ``names``, which may be empty or
        that of the model, the first counts that is a program's; without any, the first program.

        Raises:
            InvalidArgument: there is no such program.
        """
        program = next((name for name in names if name not in ("", self._model)), "")
        if program and program not in self._programs:
            raise InvalidArgument(f"must be {NAME}, or {NAME}- and a language of the model", field="name")
        return self._programs[program] if program else self._target

    def voice_of(self, wanted: dict[str, Any]) -> Voice:
        """The voice that a ``synthesize`` names: by its name, or by the language of the text, which the
        operator's target is spoken for.

        Raises:
            InvalidArgument: there is no such voice, or none at all. Names the field.
        """
        if not self._speaks:
            raise InvalidArgument("needs a voice, and this model has none for texts", field="voice.name")
        name, speaker = text_of(wanted, "name", "voice.name"), text_of(wanted, "speaker", "voice.speaker")
        source, _, target = name.partition(_BETWEEN)
        if not name and self._target is not None:
            source, target = text_of(wanted, "language", "voice.language"), self._target.code
        if not source or not target:
            message = "must be like en>es: from the text's language to that of speech"
            raise InvalidArgument(message, field="voice.name")
        if speaker and not speaker.isdecimal():
            raise InvalidArgument("must be the number of a voice", field="voice.speaker")
        return Voice(
            self.languages.resolve(source, "voice.name"),
            self.languages.resolve(target, "voice.name"),
            int(speaker[:9]) if speaker else None,
        )

    def _described(self) -> dict[str, Any]:
        first, target = next(iter(self._programs.items()))
        answers = target is not None and self.languages.reads_text
        return {
            "asr": [self._program("asr", *item) for item in self._programs.items()],
            "tts": [self._spoken()] if self._speaks else [],
            "handle": [self._program("handle", first, target)] if answers else [],
            "intent": [],
            "wake": [],
            "mic": [],
            "snd": [],
        }

    def _program(self, kind: str, name: str, target: Language | None) -> dict[str, Any]:
        doing = "what is said" if target is None else f"in {target.name}"
        sources = [each for each in self.languages if each.text and (kind == "handle" or each.speech_in)]
        model = {"name": self._model, "description": None, "languages": _tags(sources), **self._about}
        program = {"name": name, "description": f"Writes {doing}", "models": [model], **self._about}
        if kind == "handle":
            return program | {"supports_handled_streaming": False, "supports_home_control": False}
        return program | {"supports_transcript_streaming": True, "requires_external_vad": True}

    def _spoken(self) -> dict[str, Any]:
        spoken = [each for each in self.languages if each.speech_out and self._target in (None, each)]
        voices = [
            {
                "name": f"{source.bcp47}{_BETWEEN}{target.bcp47}",
                "description": f"{target.name}, of {source.name}",
                "languages": [source.bcp47],
                "speakers": [{"name": str(each)} for each in target.speaker_ids],
                **self._about,
            }
            for target in spoken
            for source in self.languages
            if source.text and source is not target
        ]
        program = {"name": NAME, "description": "Speaks texts in another language", "voices": voices}
        return program | self._about | {"supports_synthesize_streaming": False}


def _tags(languages: Iterable[Language]) -> list[str]:
    return [each.bcp47 for each in languages]
