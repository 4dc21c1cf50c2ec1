"""The settings of a transcription session, as ``session.update`` changes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.realtime.audio_formats import PCM_24K, InputFormat, read_format
from translate_svc.gateway.realtime.turn_detection import (
    DEFAULT_VAD,
    describe_turn_detection,
    read_turn_detection,
    segmentation_of,
)
from translate_svc.languages import LanguageTable
from translate_svc.serving.protocols import TranslationService
from translate_svc.serving.source_language import source_of, source_or_auto
from translate_svc.types import AUTO, Inspect, StreamSettings, VadSettings

LANGUAGE_PARAM = "session.audio.input.transcription.language"

LOGPROBS = "item.input_audio_transcription.logprobs"
"""What a session can ask for in addition."""


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    """The settings of a transcription session.

    Attributes:
        language: what the speaker speaks; ``AUTO``: it is found out; empty: not known yet.
        candidates: the languages it may be, where it is found out; empty: any.
        model: the name that the client gave the model.
        input: the audio that the client sends.
        include: ``LOGPROBS`` or nothing.
        vad: how speech is cut; None: the client commits.
    """

    language: str = ""
    candidates: tuple[str, ...] = ()
    model: str = ""
    input: InputFormat = PCM_24K
    include: frozenset[str] = frozenset()
    vad: VadSettings | None = DEFAULT_VAD

    @property
    def missing(self) -> str:
        """Implements ``SessionSettings.missing``."""
        return "" if self.language else LANGUAGE_PARAM

    def check(self, languages: LanguageTable) -> None:
        """Implements ``SessionSettings.check``."""
        if self.language not in ("", AUTO):
            languages.resolve(self.language, LANGUAGE_PARAM)

    def updated(self, session: JsonObject) -> TranscriptionSettings:
        """Implements ``SessionSettings.updated``."""
        session.choice("type", ("transcription",), None)
        session.refuse_unknown(("type", "object", "id", "model", "expires_at", "audio", "include"))
        changed = self
        if "include" in session:
            changed = replace(changed, include=session.choices("include", (LOGPROBS,)))
        audio = session.object("audio")
        if audio is None:
            return changed
        audio.refuse_unknown(("input",))
        wanted = audio.object("input")
        return changed if wanted is None else changed._with_input(wanted)

    def _with_input(self, wanted: JsonObject) -> TranscriptionSettings:
        wanted.refuse_unknown(("format", "transcription", "noise_reduction", "turn_detection"))
        if wanted.object("noise_reduction") is not None:
            raise Unsupported("this server has no noise reduction", field=wanted.under("noise_reduction"))
        changed = self
        if "format" in wanted:
            changed = replace(changed, input=read_format(wanted))
        if "turn_detection" in wanted:
            changed = replace(changed, vad=read_turn_detection(wanted.object("turn_detection")))
        transcription = wanted.object("transcription")
        return changed if transcription is None else changed._with_transcription(transcription)

    def _with_transcription(self, wanted: JsonObject) -> TranscriptionSettings:
        wanted.refuse_unknown(("model", "language", "languages", "prompt", "keywords"))
        if wanted.text("prompt", None) is not None:
            raise Unsupported("this model takes no prompt", field=wanted.under("prompt"))
        if wanted.texts("keywords"):
            raise Unsupported("this model takes no keywords", field=wanted.under("keywords"))
        language, candidates = self.language, self.candidates
        if possible := wanted.texts("languages"):
            if wanted.text("language", None) is not None:
                raise InvalidArgument("is given beside `language`", field=wanted.under("languages"))
            language, candidates = source_of(possible)
        elif (named := wanted.text("language", None)) is not None:
            language, candidates = named, ()
        return replace(self, model=wanted.text("model", self.model), language=language, candidates=candidates)

    def stream_settings(self, languages: LanguageTable) -> StreamSettings:
        """Implements ``SessionSettings.stream_settings``."""
        include = {Inspect.TRANSCRIPT} | ({Inspect.TOKENS} if LOGPROBS in self.include else set())
        return StreamSettings(
            (),
            self.language,
            frozenset(include),
            segmentation_of(self.vad),
            self.vad or DEFAULT_VAD,
            source_candidates=self.candidates,
        )

    def to_json(self, languages: LanguageTable) -> dict[str, Any]:
        """Implements ``SessionSettings.to_json``."""
        possible = {"languages": list(self.candidates)} if self.candidates else {}
        language = languages.find(self.language)
        tag = self.language.replace(AUTO, "") if language is None else language.bcp47
        return {
            "audio": {
                "input": {
                    "format": self.input.to_json(),
                    "transcription": {"model": self.model, "language": tag or None} | possible,
                    "noise_reduction": None,
                    "turn_detection": describe_turn_detection(self.vad),
                },
            },
            "include": sorted(self.include),
        }


def first_settings(options: GatewayOptions, service: TranslationService) -> TranscriptionSettings:
    """The settings of a session before its first update."""
    language = source_or_auto(options.source_language, service.languages())
    return TranscriptionSettings(language=language or "")
