"""Riva's configurations of translated speech, as settings of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from translate_svc.errors import InvalidArgument
from translate_svc.languages import Language, LanguageTable
from translate_svc.rpc.riva.audio.speech_output import speech_format
from translate_svc.rpc.riva.context import NO_SPEECH, SpeechCall
from translate_svc.rpc.riva.fields import refuse_others, under
from translate_svc.rpc.riva.languages import resolve
from translate_svc.rpc.riva.recognition_settings import RecognitionSettings, recognition_settings
from translate_svc.rpc.riva.texts.terms import terms_of
from translate_svc.rpc.riva.voices import speaker_of
from translate_svc.types import (
    AUTO,
    Inspect,
    SimultaneousSettings,
    StreamSettings,
    TargetSettings,
)

_CONFIG = "config"
_TRANSLATION = "config.translation_config"
_TRANSLATION_FIELDS = frozenset({"source_language_code", "target_language_code", "model_name", "dnt_phrases"})
_SPEECH_FIELDS = frozenset({"encoding", "sample_rate_hz", "voice_name", "language_code"})
_NAMES = {
    "config.settings.targets": f"{_TRANSLATION}.target_language_code",
    "config.settings.source_language": f"{_TRANSLATION}.source_language_code",
    "config.settings.terms": f"{_TRANSLATION}.dnt_phrases",
}


@dataclass(frozen=True, slots=True)
class TextCall:
    """A call whose answers are texts: also whether interim results are wanted, and the tag of the target."""

    call: SpeechCall
    interim: bool
    tag: str


def text_call(config: Any, languages: LanguageTable, *, calibrated: bool) -> TextCall:
    """Reads a ``StreamingTranslateSpeechToTextConfig``.

    ``calibrated``: whether texts can come while somebody speaks. They do if interim results are wanted.

    Raises:
        InvalidArgument, OutOfRange: a field is not valid or asks for what is not served. Names it.
    """
    refuse_others(config, {"asr_config", "translation_config"}, _CONFIG)
    recognition = _recognition(config, languages)
    target = _target(config, languages)
    interim = config.asr_config.interim_results
    settings = StreamSettings(
        (TargetSettings(target.code, speech=False),),
        _source(recognition),
        include=frozenset({Inspect.TOKENS}),
        vad=recognition.vad,
        simultaneous=SimultaneousSettings() if interim and calibrated else None,
        terms=terms_of(config.translation_config.dnt_phrases),
    )
    return TextCall(SpeechCall(recognition, settings, NO_SPEECH, _NAMES), interim, target.bcp47)


def speech_call(config: Any, languages: LanguageTable) -> SpeechCall:
    """Reads a ``StreamingTranslateSpeechToSpeechConfig``. An utterance is translated when it has ended.

    Raises:
        InvalidArgument, OutOfRange, Unsupported: as ``text_call``, or the speech cannot be had so.
    """
    refuse_others(config, {"asr_config", "translation_config", "tts_config"}, _CONFIG)
    recognition = _recognition(config, languages)
    target = _target(config, languages)
    wanted, path = config.tts_config, f"{_CONFIG}.tts_config"
    refuse_others(wanted, _SPEECH_FIELDS, path)
    spoken, field = wanted.language_code, under(path, "language_code")
    if spoken and resolve(spoken, languages, field) != target:
        raise InvalidArgument("is not the target language", field=field)
    if not target.speech_out:
        raise InvalidArgument("is not spoken by this model", field=f"{_TRANSLATION}.target_language_code")
    speaker = speaker_of(wanted.voice_name, target, under(path, "voice_name"))
    settings = StreamSettings(
        (TargetSettings(target.code, text=False, speaker_id=speaker),),
        _source(recognition),
        vad=recognition.vad,
        terms=terms_of(config.translation_config.dnt_phrases),
    )
    output = speech_format(wanted.encoding, wanted.sample_rate_hz, path)
    return SpeechCall(recognition, settings, output, _NAMES)


def _recognition(config: Any, languages: LanguageTable) -> RecognitionSettings:
    """Reads ``asr_config``. The language of the speech is named there, or with that of the translation."""
    refuse_others(config.asr_config, {"config", "interim_results"}, f"{_CONFIG}.asr_config")
    said = config.translation_config.source_language_code
    recognition = recognition_settings(
        config.asr_config.config, languages, f"{_CONFIG}.asr_config.config", said
    )
    field = f"{_TRANSLATION}.source_language_code"
    if said and recognition.language is not None and resolve(said, languages, field) != recognition.language:
        raise InvalidArgument("is not the language_code of asr_config", field=field)
    return recognition


def _source(recognition: RecognitionSettings) -> str:
    return AUTO if recognition.language is None else recognition.language.code


def _target(config: Any, languages: LanguageTable) -> Language:
    translation = config.translation_config
    refuse_others(translation, _TRANSLATION_FIELDS, _TRANSLATION)
    return resolve(translation.target_language_code, languages, f"{_TRANSLATION}.target_language_code")
