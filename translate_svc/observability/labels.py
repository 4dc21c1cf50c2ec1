"""The values of the labels of metrics. The manual and the dashboard are checked against them."""

from __future__ import annotations

from translate_svc import errors
from translate_svc.types import ENDPOINTING, Stage

PREFIX = "translate_svc_"
"""Of the names of all metrics."""
OTHER = "other"
"""A value that is in no table."""
ENGINE_STAGES = tuple(stage.value for stage in Stage)
UTTERANCE_STAGES = (ENDPOINTING, *ENGINE_STAGES)
UTTERANCE_STATUSES = ("ok", "empty", "failed", "cleared", "dropped")
"""The statuses of the contract, and ``dropped``: the stream ended before the utterance."""
UNKNOWN_LANGUAGE = "unknown"
WARNING_CODES = (
    "drafts_skipped",
    "engine_busy",
    "falling_behind",
    "length_stopped",
    "low_confidence",
    "max_utterance_reached",
    "no_speech",
    "repetition_stopped",
    "sequence_failed",
    "short_text",
    "speech_skipped",
    "text_truncated",
    "unexpected_script",
    "utterance_refused",
)
LOG_LEVELS = ("warning", "error", "critical")
_CAUSES: dict[type, str] = {
    errors.DataLoss: "data_loss",
    errors.DetectorError: "detector_error",
    errors.EngineError: "engine_error",
    errors.EngineLost: "engine_lost",
    errors.InvalidArgument: "invalid_argument",
    errors.InvariantViolation: "invariant_violation",
    errors.OutOfRange: "out_of_range",
    errors.PermissionDenied: "permission_denied",
    errors.QuotaExceeded: "quota_exceeded",
    errors.ResourceExhausted: "resource_exhausted",
    errors.StreamTimeout: "stream_timeout",
    errors.Superseded: "superseded",
    errors.Unauthenticated: "unauthenticated",
    errors.Unavailable: "unavailable",
    errors.Unsupported: "unsupported",
}
INTERNAL = "internal"
"""The cause of an error of another package."""
ERROR_CAUSES = (*_CAUSES.values(), INTERNAL)
"""The errors of this package, as ``error_cause`` names them."""
CLOSE_CAUSES = ("complete", "half_closed", "cancelled", *ERROR_CAUSES)
"""``complete``: the client sent ``end``. ``half_closed``: it never did. ``cancelled``: it left. The others
are errors that failed the stream.
"""


def error_cause(error: BaseException) -> str:
    """The name of an error's class in ``ERROR_CAUSES``, or ``INTERNAL``."""
    for kind in type(error).__mro__:
        if kind in _CAUSES:
            return _CAUSES[kind]
    return INTERNAL
