"""Names the flag for a field of the wire contract, where a service refuses what a flag asked for."""

from __future__ import annotations

import re

from translate_svc.errors import TranslateSvcError

_FLAGS = (
    (r"targets\[\d+\]\.speaker_id", "--voice"),
    (r"targets\[\d+\]\.duration_factor", "--speed"),
    (r"targets\[\d+\]\.catch_up_duration_factor", "--catch-up"),
    (r"targets(\[\d+\](\.\w+)?)?", "--to"),
    (r"source_(language|candidates(\[\d+\])?)", "--from"),
    (r"vad\.threshold", "--vad-threshold"),
    (r"vad\.min_silence_ms", "--min-silence-ms"),
    (r"vad\.max_utterance_ms", "--max-utterance-ms"),
    (r"simultaneous(\.\w+)?", "--simultaneous"),
    (r"beam_search(\.\w+)?", "--beams"),
    (r"terms", "--terms"),
)
_WORDS = {
    "settings.simultaneous": "--simultaneous",
    "max_utterance_ms": "--max-utterance-ms",
    "min_silence_ms": "--min-silence-ms",
}
_WITHOUT_FLAG = ", or a smaller simultaneous.max_buffer_ms,"
_MESSAGE = r"(config\.settings\.|update\.settings\.)?"


def in_words_of_flags(error: TranslateSvcError) -> str:
    """The message of ``error``, with the flag in the place of the field if a flag sets that field."""
    for pattern, flag in _FLAGS:
        if re.fullmatch(_MESSAGE + pattern, error.field):
            return f"{flag}: {error.description}"
    if term := re.fullmatch(rf"{_MESSAGE}terms\[(\d+)\]\.(\w+)", error.field):
        return f"--terms: {term[3]} of term {int(term[2]) + 1} {error.description}"
    return str(error)


def warning_in_words_of_flags(message: str) -> str:
    """A warning of the service, with flags in the place of the fields that it names. What has no flag is left
    out.
    """
    pattern = "|".join(map(re.escape, _WORDS))
    return re.sub(rf"\b({pattern})\b", lambda found: _WORDS[found[1]], message.replace(_WITHOUT_FLAG, ""))
