"""The first message of a session: what is translated, and what the client wants to get."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from translate_svc.errors import InvalidArgument, TranslateSvcError, Unsupported
from translate_svc.gateway.gemini.live_message import refuse
from translate_svc.gateway.json_object import JsonObject
from translate_svc.languages import LanguageTable
from translate_svc.serving.source_language import source_of, source_or_auto
from translate_svc.types import (
    Echo,
    Inspect,
    Segmentation,
    SimultaneousSettings,
    StreamSettings,
    TargetSettings,
    VadSettings,
)

_UNSERVED = {
    "systemInstruction": "cannot instruct a translation",
    "tools": "are not called by a translation",
    "proactivity": "is not that of a translation",
    "explicitVadSignal": "is not sent",
    "avatarConfig": "has no avatar here",
    "historyConfig": "has no history here",
}
_UNSERVED_TRANSCRIPTION = {
    "customVocabulary": "cannot steer what is understood",
    "adaptationPhrases": "cannot steer what is understood",
    "wordTimestamp": "is not known of this protocol's texts",
    "diarization": "tells no speakers apart",
    "sourceText": "cannot be edited",
}
_TRANSCRIPTION = ("languageCodes", "languageHints", "languageAuto", "mode", *_UNSERVED_TRANSCRIPTION)
_WITHOUT_EFFECT = ("model", "contextWindowCompression", "labels", "safetySettings")
_GENERATION_WITHOUT_EFFECT = (
    "candidateCount",
    "enableAffectiveDialog",
    "frequencyPenalty",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "seed",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
)
_DEFAULT_VAD = VadSettings()
_TARGET = "setup.generationConfig.translationConfig.targetLanguageCode"
_DETECTION = "setup.realtimeInputConfig.automaticActivityDetection"
_FIELDS = (
    (re.compile(r"^targets(\[0\]\.language)?$"), _TARGET),
    (re.compile(r"^targets\[0\]\.speech$"), "setup.generationConfig.responseModalities"),
    (re.compile(r"^targets\[0\]\.speaker_id$"), "setup.generationConfig.speechConfig.voiceConfig"),
    (re.compile(r"^source_"), "setup.inputAudioTranscription.languageCodes"),
    (re.compile(r"^vad\.min_silence_ms$"), f"{_DETECTION}.silenceDurationMs"),
    (re.compile(r"^vad\.min_speech_ms$"), f"{_DETECTION}.prefixPaddingMs"),
    (re.compile(r"^resume_"), "setup.sessionResumption.handle"),
    (re.compile(r"^audio\."), "realtimeInput.audio.data"),
)


@dataclass(frozen=True, slots=True)
class LiveSetup:
    """What a client asks for.

    Attributes:
        target: the language of the translation.
        languages: those that may be spoken; empty: any.
        echo: whether speech that is in the target language already is spoken again.
        speaks: whether the translation is spoken.
        writes: whether it comes as text of the model's turn.
        hears: whether the client gets what was said as text.
        reads: whether the client gets what is spoken as text.
        speaker_id: the voice; None: that of the language.
        manual: whether the client says when somebody speaks.
        vad: how speech is cut otherwise.
        interrupts: whether who begins to speak silences what is being said.
        resumable: whether the client wants handles.
        handle: of the session to resume; empty: it is a new one.
    """

    target: str
    languages: tuple[str, ...] = ()
    echo: bool = False
    speaks: bool = True
    writes: bool = False
    hears: bool = False
    reads: bool = False
    speaker_id: int | None = None
    manual: bool = False
    vad: VadSettings = _DEFAULT_VAD
    interrupts: bool = False
    resumable: bool = False
    handle: str = ""

    @classmethod
    def read(cls, setup: JsonObject) -> LiveSetup:
        """The settings of a ``setup``.

        Raises:
            InvalidArgument: a field is unknown, missing or not valid. Names the field.
            Unsupported: it asks for what is not served. Names the field.
        """
        refuse(setup, _UNSERVED)
        own = ("generationConfig", "inputAudioTranscription", "outputAudioTranscription")
        others = ("realtimeInputConfig", "sessionResumption")
        setup.refuse_unknown((*own, *others, *_WITHOUT_EFFECT, *_UNSERVED))
        generation = setup.object("generationConfig") or JsonObject({}, setup.under("generationConfig"))
        # Google's page has the transcriptions inside, its server outside
        heard, read = (
            _transcription(setup.object(name) or generation.object(name))
            for name in ("inputAudioTranscription", "outputAudioTranscription")
        )
        return cls(
            **_generation(generation),
            **_realtime(setup.object("realtimeInputConfig")),
            **_resumption(setup.object("sessionResumption")),
            languages=heard or (),
            hears=heard is not None,
            reads=read is not None,
        )

    def stream_settings(
        self, languages: LanguageTable, *, source_language: str, calibrated: bool
    ) -> StreamSettings:
        """The settings of the stream. ``source_language``: what is spoken where the client does not say."""
        named, candidates = source_of(self.languages) if self.languages else (source_language, ())
        source = source_or_auto(named, languages)
        text = self.writes or self.reads
        return StreamSettings(
            (TargetSettings(self.target, text, self.speaks, self.speaker_id),),
            source,
            frozenset({Inspect.TRANSCRIPT}) if self.hears else frozenset(),
            Segmentation.MANUAL if self.manual else Segmentation.VAD,
            self.vad,
            simultaneous=SimultaneousSettings() if calibrated else None,
            source_candidates=candidates,
            echo=Echo.SPEAK if self.echo else Echo.SILENT,
        )


def in_gemini_terms(error: TranslateSvcError) -> TranslateSvcError:
    """Renames the field of ``error``, from our contract's path to that of the setup."""
    path = error.field.removeprefix("config.").removeprefix("settings.")
    error.field = next((field for pattern, field in _FIELDS if pattern.search(path)), error.field)
    return error


def _generation(wanted: JsonObject) -> dict[str, Any]:
    served = ("responseModalities", "translationConfig", "speechConfig")
    transcriptions = ("inputAudioTranscription", "outputAudioTranscription")
    wanted.refuse_unknown((*served, *transcriptions, *_GENERATION_WITHOUT_EFFECT))
    translation = wanted.object("translationConfig")
    if translation is None:
        raise InvalidArgument("is required: this server translates", field=wanted.under("translationConfig"))
    translation.refuse_unknown(("targetLanguageCode", "echoTargetLanguage"))
    modalities = wanted.choices("responseModalities", ("AUDIO", "TEXT")) or {"AUDIO"}
    return {
        "target": translation.text("targetLanguageCode", "en"),
        "echo": translation.boolean("echoTargetLanguage", False),
        "speaks": "AUDIO" in modalities,
        "writes": "TEXT" in modalities,
        "speaker_id": _speaker_id(wanted.object("speechConfig")) if "AUDIO" in modalities else None,
    }


def _speaker_id(speech: JsonObject | None) -> int | None:
    """A voice of ours is named by its number. Names of Google's voices stand for that of the language."""
    if speech is None:
        return None
    speech.refuse_unknown(("languageCode", "voiceConfig"))
    voice = speech.object("voiceConfig") or JsonObject({}, "")
    voice.refuse_unknown(("prebuiltVoiceConfig",))
    prebuilt = voice.object("prebuiltVoiceConfig") or JsonObject({}, "")
    name = prebuilt.text("voiceName", "")
    return int(name) if re.fullmatch(r"[0-9]{1,6}", name) else None


def _transcription(wanted: JsonObject | None) -> tuple[str, ...] | None:
    """The languages that a transcription names; None: it is not wanted."""
    if wanted is None:
        return None
    refuse(wanted, _UNSERVED_TRANSCRIPTION)
    wanted.refuse_unknown(_TRANSCRIPTION)
    if wanted.text("mode", "VERBATIM") == "SMART":
        raise Unsupported("must be VERBATIM", field=wanted.under("mode"))
    hints = wanted.object("languageHints") or JsonObject({}, "")
    return tuple(dict.fromkeys(wanted.texts("languageCodes") or hints.texts("languageCodes")))


def _realtime(wanted: JsonObject | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    wanted.refuse_unknown(("automaticActivityDetection", "activityHandling", "turnCoverage"))
    path = wanted.under("automaticActivityDetection")
    detection = wanted.object("automaticActivityDetection") or JsonObject({}, path)
    sensitivities = ("startOfSpeechSensitivity", "endOfSpeechSensitivity")
    detection.refuse_unknown(("disabled", "prefixPaddingMs", "silenceDurationMs", *sensitivities))
    manual = detection.boolean("disabled", False)
    vad = VadSettings(
        min_speech_ms=detection.whole("prefixPaddingMs", None),
        min_silence_ms=detection.whole("silenceDurationMs", None),
    )
    return {
        "manual": manual,
        "vad": _DEFAULT_VAD if manual else vad,
        "interrupts": wanted.text("activityHandling", "") == "START_OF_ACTIVITY_INTERRUPTS",
    }


def _resumption(wanted: JsonObject | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    refuse(wanted, {"transparent": "cannot count a client's messages"})
    wanted.refuse_unknown(("handle", "transparent"))
    return {"resumable": True, "handle": wanted.text("handle", "")}
