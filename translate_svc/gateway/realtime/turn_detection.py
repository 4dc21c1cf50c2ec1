"""``turn_detection``: who ends an utterance, and when."""

from __future__ import annotations

from typing import Any

from translate_svc.gateway.json_object import JsonObject
from translate_svc.types import Segmentation, VadSettings

DEFAULT_VAD = VadSettings()
"""Speech is cut as the server's defaults say."""

_FIELDS = {
    "threshold": "threshold",
    "prefix_padding_ms": "prefix_padding_ms",
    "silence_duration_ms": "min_silence_ms",
    "min_speech_ms": "min_speech_ms",
    "max_utterance_ms": "max_utterance_ms",
}
"""Fields of the protocol, and of ``VadSettings``."""


def read_turn_detection(wanted: JsonObject | None) -> VadSettings | None:
    """The settings of the detector; None: the client ends utterances.

    Raises InvalidArgument if this server does not know a field. Limits are checked by the session.
    """
    if wanted is None:
        return None
    wanted.refuse_unknown(("type", "create_response", "interrupt_response", *_FIELDS))
    wanted.choice("type", ("server_vad",), None)
    values: dict[str, Any] = {
        ours: wanted.number(name, None) if name == "threshold" else wanted.whole(name, None)
        for name, ours in _FIELDS.items()
    }
    return VadSettings(**values)


def describe_turn_detection(vad: VadSettings | None) -> dict[str, Any] | None:
    """The field of the protocol; settings that are the server's defaults are left out."""
    if vad is None:
        return None
    values = {name: getattr(vad, ours) for name, ours in _FIELDS.items()}
    return {"type": "server_vad"} | {name: value for name, value in values.items() if value is not None}


def segmentation_of(vad: VadSettings | None) -> Segmentation:
    """Who ends an utterance."""
    return Segmentation.MANUAL if vad is None else Segmentation.VAD
