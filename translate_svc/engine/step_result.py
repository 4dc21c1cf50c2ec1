"""What a runner answers to a ``StepPlan``. Plain data.

Results are matched by ``SequenceKey`` (or request id), never by slot alone: a slot is reused as soon as it is
free.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from translate_svc.engine.plan import ItemKey, SequenceKey
from translate_svc.types import Samples, Stage


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """The request's slots now hold ``encoder_frames`` encoder states.

    One state stands for 160 ms of speech (the stride of the published model) or for one token of a text.

    ``languages``: where they were asked for, natural log-probabilities of ``SpeechModel.detected_languages``
    and, last, of any other language, all being as likely before.
    """

    request_id: str
    encoder_frames: int
    languages: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodeUnfinished:
    """The request's encoding continues in the next step, so that texts do not wait for its end."""

    request_id: str


@dataclass(slots=True)  # as ``DecodeItem``
class DecodeResult:
    """The chosen next token and its natural log-probability.

    ``source_ms``: the centre of the encoder frame that gets most attention from the heads of the runner's
    alignment layer. None when it was not asked for, and for a text. ``attention``: when asked for, the mean
    attention of the alignment heads over the source's frames for each token of the run, ``[run, frames]``.

    ``accepted``: the log-probabilities of the tokens of ``DecodeItem.speculative_token_ids`` that come
    before the next token. They count as fed, and are part of the run in ``attention``.
    ``accepted_source_ms``: their ``source_ms``; empty when it was not asked for.

    ``candidates``: the likeliest tokens and their log-probabilities, the best first; of equal ones the lower
    token comes first. ``probed``: the natural log-probability of ``DecodeItem.probed_token``.
    """

    key: SequenceKey
    token_id: int
    log_probability: float
    source_ms: int | None = None
    attention: npt.NDArray[np.float32] | None = field(default=None, compare=False)
    accepted: tuple[float, ...] = ()
    accepted_source_ms: tuple[int | None, ...] = ()
    candidates: tuple[tuple[int, float], ...] = ()
    probed: float | None = None


@dataclass(frozen=True, slots=True)
class BeamResult:
    """The results of the rows of a ``BeamItem``, in order."""

    key: SequenceKey
    rows: tuple[DecodeResult, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TextToUnitResult:
    """The vocoder units of the item's tokens that are not context: ``[n]``, one per 20 ms, offset removed.

    ``character_durations`` and ``token_durations``: number of units of each character and of each token.
    """

    key: SequenceKey
    units: npt.NDArray[np.int64]
    character_durations: tuple[int, ...]
    token_durations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class VocodeResult:
    """The waveform of the item's units: ``(end_unit - start_unit) * 320`` samples."""

    key: SequenceKey
    samples: Samples


StageResult = EncodeResult | EncodeUnfinished | DecodeResult | BeamResult | TextToUnitResult | VocodeResult


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """One item failed, and no other. ``sequence`` is None when the encoding of the whole request failed."""

    request_id: str
    sequence: int | None
    stage: Stage
    error: str

    @property
    def key(self) -> ItemKey:
        """The key of the failed item."""
        return self.request_id, self.sequence


@dataclass(frozen=True, slots=True)
class StageReport:
    """Wall time and number of items of one stage in this step. ``started_s``: on the runner's clock."""

    stage: Stage
    duration_ms: float
    batch_size: int
    started_s: float


@dataclass(frozen=True, slots=True)
class StepReport:
    """The wall time of a step, scheduling included, and of its stages. For metrics."""

    duration_s: float
    stages: tuple[StageReport, ...]


@dataclass(frozen=True, slots=True)
class StepResult:
    """The answers to a plan: every item has exactly one, in ``results`` or in ``failures``.

    ``results`` are in the order of the stages. The events of the step keep this order.
    """

    results: tuple[StageResult, ...] = ()
    failures: tuple[ItemFailure, ...] = ()
    stages: tuple[StageReport, ...] = ()
