"""What the engine is asked and what it answers. Plain data, no torch.

Every answer carries the request's id and, where it concerns one target language, the *sequence* index: the
position in ``Request.sequences``. The first event of a request is ``RequestQueued``, or in its place
``RequestRefused``, which is the only one. Order per sequence: ``TokenDecoded``*, ``TextFinished``,
``UnitsPredicted`` (where there is speech), ``WaveformPiece``*, ``SequenceFinished``; then, once all sequences
have finished, ``RequestFinished``, the last event of a request. An aborted request gets no further event.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from translate_svc.errors import TranslateSvcError
from translate_svc.types import Samples, StageTiming


@dataclass(frozen=True, slots=True)
class TextGuards:
    """Which guards watch over a text; see ``engine.guards``. None unless asked for: then the text is what the
    model decodes greedily, to its end or to the token limit.
    """

    repetition_stop: bool = False
    length_stop: bool = False
    script_check: bool = False


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """One target language of a request (the transcript is the source language as a target)."""

    language: str
    speech: bool = False
    speaker_id: int = 0
    duration_factor: float = 1.0
    guards: TextGuards = TextGuards()


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text to translate, in its language (a Seamless code)."""

    text: str
    language: str


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One utterance: 16 kHz mono float32 samples, or a text; encoded once for all ``sequences``.

    ``source_times`` asks for each token's place in the source (costs one attention read a step). A text has
    no time: it is ignored there, and every ``source_ms`` is None.
    """

    request_id: str
    source: Samples | SourceText
    sequences: tuple[SequenceSpec, ...]
    source_times: bool = False


class FinishStatus(enum.Enum):
    """How a sequence or a request came out."""

    OK = "ok"
    EMPTY = "empty"  # the model said nothing: no text, hence no speech
    TRUNCATED = "truncated"  # ended before the model ended it (see StopReason); what was said is delivered
    FAILED = "failed"


class StopReason(enum.Enum):
    """Why a text ended."""

    END_OF_TEXT = "end_of_text"  # the model said so
    TOKEN_LIMIT = "token_limit"  # nothing more fits a slot
    REPETITION = "repetition"  # TextGuards.repetition_stop
    LENGTH = "length"  # TextGuards.length_stop


@dataclass(frozen=True, slots=True)
class TokenDecoded:
    """One token and the text it makes final (append-only; empty while a character is incomplete)."""

    request_id: str
    sequence: int
    token_id: int
    text: str
    log_probability: float
    source_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TextFinished:
    """The whole text; equals the concatenation of the deltas plus ``tail``, the last delta.

    ``unexpected_script``: ``TextGuards.script_check`` found it foreign; no speech follows.
    """

    request_id: str
    sequence: int
    text: str
    tail: str
    tokens: int
    stop: StopReason = StopReason.END_OF_TEXT
    unexpected_script: bool = False


@dataclass(frozen=True, slots=True)
class UnitsPredicted:
    """T2U's output: one unit per 20 ms, and the frames given to each character."""

    request_id: str
    sequence: int
    units: tuple[int, ...]
    character_durations: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class WaveformPiece:
    """Speech from ``start_samples`` on (16 kHz, counted from the start of the sequence's speech)."""

    request_id: str
    sequence: int
    start_samples: int
    samples: Samples
    final: bool


@dataclass(frozen=True, slots=True)
class SequenceFinished:
    """Last event of one sequence. ``error`` is for people and free of callers' data."""

    request_id: str
    sequence: int
    status: FinishStatus
    error: str = ""


@dataclass(frozen=True, slots=True)
class StageSpan:
    """From when a stage first had a share for a request until it last had one (``time.monotonic``).

    ``stage`` is named as in ``StageTiming``. Other work may lie between: ``RequestFinished.timings`` tells
    how much of it was the stage's.
    """

    stage: str
    started_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class RequestFinished:
    """Last event of a request. ``timings`` and ``spans`` are in the order the stages were first entered."""

    request_id: str
    status: FinishStatus
    timings: tuple[StageTiming, ...] = ()
    error: str = ""
    spans: tuple[StageSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestQueued:
    """First event of a request: the engine has taken it."""

    request_id: str


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """Only event of a request that the engine does not take.

    ``error``: ResourceExhausted, which says when to try again, while there is no room; Unavailable while the
    engine is stopping; EngineLost once it is lost.
    """

    request_id: str
    error: TranslateSvcError


EngineEvent = (
    RequestQueued
    | RequestRefused
    | TokenDecoded
    | TextFinished
    | UnitsPredicted
    | WaveformPiece
    | SequenceFinished
    | RequestFinished
)
