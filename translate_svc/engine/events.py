"""What the engine answers to a request: its events. Plain data, no torch.

Every event carries the request's id. An event of one target language also carries the *sequence* index, the
position in ``Request.sequences``. The first event of a request is ``RequestQueued``. A refused request gets
``RequestRefused`` instead and no other event. The order per sequence is ``LanguageDetected`` (if the model
needs the source language and nobody named it), ``TokenDecoded``*,
``AlternativesFound`` (if asked for), ``TextFinished``, ``UnitsPredicted`` (if there is speech),
``WaveformPiece``*, ``SequenceFinished``. When all sequences have finished, ``RequestFinished`` follows as the
last event of the request. An aborted request gets no further event. A sequence with a given text that is not
spoken has ``TextScored`` and ``SequenceFinished`` alone. A request with a ``question`` gets ``LanguageHeard``
before any event of its sequences; those that are not for the language have ``SequenceFinished`` alone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechCarriedOver
from translate_svc.errors import TranslateSvcError
from translate_svc.heard_language import HeardLanguage
from translate_svc.types import Samples, StageTiming, TextAlternative


class FinishStatus(enum.Enum):
    """How a sequence or a request ended."""

    OK = "ok"
    EMPTY = "empty"
    """The model produced no text, so there is no speech either."""
    TRUNCATED = "truncated"
    """The text was stopped before the model ended it (``StopReason``). The text so far is delivered."""
    FAILED = "failed"


class StopReason(enum.Enum):
    """Why a text ended."""

    END_OF_TEXT = "end_of_text"
    """The model predicted the end token."""
    TOKEN_LIMIT = "token_limit"
    """The slot is full."""
    REPETITION = "repetition"
    """The guard ``TextGuards.repetition_stop`` found a loop."""
    LENGTH = "length"
    """The guard ``TextGuards.length_stop`` found the text too long for its source."""


@dataclass(slots=True)  # not frozen, which would take four times as long to make; nothing changes it
class TokenDecoded:
    """One token and the text that it completes (append-only; empty while a character is incomplete).

    ``given``: it is part of a term or of a given text, and the model did not choose it.
    """

    request_id: str
    sequence: int
    token_id: int
    text: str
    log_probability: float
    source_ms: int | None = None
    given: bool = False


@dataclass(frozen=True, slots=True)
class LanguageDetected:
    """Which language the model hears (a Seamless code), before any token of the text.

    ``probability``: among all that the model can choose.
    """

    request_id: str
    sequence: int
    language: str
    probability: float


@dataclass(frozen=True, slots=True)
class TextFinished:
    """The whole text: the concatenation of the deltas of ``TokenDecoded`` and of ``tail``, the last delta.

    ``unexpected_script``: ``TextGuards.script_check`` found a foreign script, so no speech follows.
    """

    request_id: str
    sequence: int
    text: str
    tail: str
    tokens: int
    stop: StopReason = StopReason.END_OF_TEXT
    unexpected_script: bool = False


@dataclass(frozen=True, slots=True)
class LanguageHeard:
    """The answer to ``Request.question``."""

    request_id: str
    heard: HeardLanguage


@dataclass(frozen=True, slots=True)
class AlternativesFound:
    """The texts that beam search found, the best first: the first one is the text itself."""

    request_id: str
    sequence: int
    alternatives: tuple[TextAlternative, ...]


@dataclass(frozen=True, slots=True)
class TextScored:
    """How probable a given text is: natural log-probabilities of its tokens and, last, of its end."""

    request_id: str
    sequence: int
    log_probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class UnitsPredicted:
    """The output of T2U: one unit per 20 ms, and the frames predicted for each character."""

    request_id: str
    sequence: int
    units: tuple[int, ...]
    character_durations: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class WaveformPiece:
    """A piece of speech. ``start_samples`` counts 16 kHz samples from the start of the sequence's speech."""

    request_id: str
    sequence: int
    start_samples: int
    samples: Samples
    final: bool


@dataclass(frozen=True, slots=True)
class SequenceFinished:
    """Last event of one sequence. ``error`` is for people and holds no caller's data."""

    request_id: str
    sequence: int
    status: FinishStatus
    error: str = ""


@dataclass(frozen=True, slots=True)
class StageSpan:
    """The time from the first start to the last end of a stage's work for a request (``time.monotonic``).

    ``stage`` is named as in ``StageTiming``. The span includes other work in between.
    ``RequestFinished.timings`` has the time of the stage alone.
    """

    stage: str
    started_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class RequestFinished:
    """Last event of a request. ``timings`` and ``spans`` are in the order of each stage's first start."""

    request_id: str
    status: FinishStatus
    timings: tuple[StageTiming, ...] = ()
    error: str = ""
    spans: tuple[StageSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestQueued:
    """First event of a request: the engine has accepted it."""

    request_id: str


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """Only event of a request that the engine does not accept.

    ``error`` is ResourceExhausted, with the time to retry after, while the engine is full. It is Unavailable
    while the engine is stopping, and EngineLost once it is lost. It is InvalidArgument where an engine in
    another process finds that the request can never run.
    """

    request_id: str
    error: TranslateSvcError


SequenceEvent = (
    TokenDecoded
    | LanguageDetected
    | TextFinished
    | TextScored
    | AlternativesFound
    | UnitsPredicted
    | WaveformPiece
    | HypothesisDecided
    | SpeechCarriedOver
    | SequenceFinished
)
EngineEvent = RequestQueued | RequestRefused | LanguageHeard | SequenceEvent | RequestFinished
