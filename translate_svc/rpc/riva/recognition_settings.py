"""Riva's ``RecognitionConfig``, as settings of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.languages import Language, LanguageTable
from translate_svc.rpc.riva.audio.declared_audio import DeclaredAudio
from translate_svc.rpc.riva.fields import refuse_others, under
from translate_svc.rpc.riva.languages import resolve_spoken
from translate_svc.types import VadSettings

# max_alternatives is the most that a client takes: there may be fewer. Texts are always punctuated, and never
# rewritten into figures or back.
_HARMLESS = frozenset({"max_alternatives", "enable_automatic_punctuation", "model", "verbatim_transcripts"})
_READ = frozenset(
    {
        "encoding",
        "sample_rate_hertz",
        "language_code",
        "audio_channel_count",
        "enable_word_time_offsets",
        "diarization_config",
        "endpointing_config",
    }
)
_MAX_MS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class RecognitionSettings:
    """What a client wants recognized.

    Attributes:
        audio: what it sends.
        language: that is spoken; None: it is found out.
        words: whether results have words and their times.
        vad: where utterances end.
        path: of the configuration, in errors.
    """

    audio: DeclaredAudio
    language: Language | None
    words: bool
    vad: VadSettings
    path: str

    @property
    def names(self) -> dict[str, str]:
        """Riva's names of the fields of a stream's configuration that errors may name."""
        names = {
            "config.input.encoding": "encoding",
            "config.input.sample_rate_hz": "sample_rate_hertz",
            "config.input.channel": "audio_channel_count",
            "config.settings.source_language": "language_code",
            "config.settings.vad.min_silence_ms": "endpointing_config.stop_history",
        }
        return {ours: under(self.path, theirs) for ours, theirs in names.items()}


def recognition_settings(
    config: Any, languages: LanguageTable, path: str, language_code: str = ""
) -> RecognitionSettings:
    """Reads a ``RecognitionConfig``; ``path`` is its own. ``language_code``: where it names none.

    Raises:
        InvalidArgument, OutOfRange: a field asks for what is not served. Names it.
    """
    refuse_others(config, _HARMLESS | _READ, path)
    if config.diarization_config.enable_speaker_diarization:
        raise InvalidArgument("is not served: nobody is told apart", field=under(path, "diarization_config"))
    channels = config.audio_channel_count
    if config.sample_rate_hertz < 0:
        raise OutOfRange("must not be negative", field=under(path, "sample_rate_hertz"))
    audio = DeclaredAudio(config.encoding, config.sample_rate_hertz, channels or 1, path)
    audio.check()
    tag, field = config.language_code or language_code, under(path, "language_code")
    language = resolve_spoken(tag, languages, field)
    if language is not None and not language.speech_in:
        raise InvalidArgument("is not understood as speech by this model", field=field)
    return RecognitionSettings(audio, language, config.enable_word_time_offsets, _vad(config, path), path)


def _vad(config: Any, path: str) -> VadSettings:
    if not config.HasField("endpointing_config"):
        return VadSettings()
    endpointing, path = config.endpointing_config, under(path, "endpointing_config")
    # its thresholds count tokens of a model that we do not have
    refuse_others(endpointing, {"stop_history"}, path)
    silence_ms = endpointing.stop_history if endpointing.HasField("stop_history") else None
    return VadSettings(min_silence_ms=silence_ms)
