"""The contract between scheduler and runner: one ``StepPlan`` in, one ``StepResult`` out. Plain data.

The scheduler decides and imports no torch; the runner computes and owns every tensor. Results are matched by
``SequenceKey`` (or request id), never by slot alone: a slot is reused as soon as it is free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from translate_svc.types import EncoderSource, Samples, Stage


class SequenceKey(NamedTuple):
    """Names one target language of one request."""

    request_id: str
    sequence: int


ItemKey = tuple[str, int | None]
"""Names one item of a plan: a ``SequenceKey``; where the item is the whole request's, its id and None."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodeItem:
    """Encode ``source`` once and write its cross-attention cache into every slot of ``slots``.

    Slot ``slots[i]`` belongs to sequence ``i`` from here on, whatever it held before. ``ticket``: identifies
    the job, as the request id does not (an id may be used again). Items of one ticket ask for the same.
    """

    stage: ClassVar[Stage] = Stage.ENCODE

    request_id: str
    source: EncoderSource
    slots: tuple[int, ...]
    ticket: int

    @property
    def key(self) -> ItemKey:
        """It is the whole request's."""
        return self.request_id, None


@dataclass(frozen=True, slots=True)
class DecodeItem:
    """Feed ``token_id`` at ``position`` of a slot.

    Assumes the slot was encoded for ``key``'s request and positions 0..position-1 were fed.
    The prompt is fed like any other token: ``</s>`` at 0, the language at 1; what position 0 predicts is not
    used.
    """

    stage: ClassVar[Stage] = Stage.DECODE

    key: SequenceKey
    slot: int
    position: int
    token_id: int
    attention: bool = False


@dataclass(frozen=True, slots=True)
class TextToUnitItem:
    """Units for a finished text from the hidden states kept in ``slot``.

    ``token_ids`` is all that was fed: ``</s>``, language, tokens (the end token was predicted, never fed).
    """

    stage: ClassVar[Stage] = Stage.TEXT_TO_UNIT

    key: SequenceKey
    slot: int
    token_ids: tuple[int, ...]
    language: str
    duration_factor: float


@dataclass(frozen=True, slots=True, eq=False)
class VocodeItem:
    """Waveform of ``units[start_unit:end_unit]``, heard in the context of all ``units``."""

    stage: ClassVar[Stage] = Stage.VOCODE

    key: SequenceKey
    units: npt.NDArray[np.int64]
    start_unit: int
    end_unit: int
    language: str
    speaker_id: int


PlanItem = EncodeItem | DecodeItem | TextToUnitItem | VocodeItem


@dataclass(frozen=True, slots=True)
class StepPlan:
    """All the work of one step: for each stage a field of its name. An empty plan is never executed.

    ``encode`` repeats the items of the last step that were answered by ``EncodeUnfinished``, each with its
    ticket; those of them that it leaves out are given up. No other item is begun beside them, so nobody else
    gets the slots of one that was given up before all of them are done.

    ``encode_steps``: for how long encoding may make the texts of this step wait, in decode steps.
    """

    encode: tuple[EncodeItem, ...] = ()
    decode: tuple[DecodeItem, ...] = ()
    text_to_unit: tuple[TextToUnitItem, ...] = ()
    vocode: tuple[VocodeItem, ...] = ()
    encode_steps: int = 1

    @classmethod
    def of(cls, items: Iterable[PlanItem], *, encode_steps: int = 1) -> StepPlan:
        """The plan of these items, in their order."""
        by_stage: dict[Stage, list[PlanItem]] = {stage: [] for stage in Stage}
        for item in items:
            by_stage[item.stage].append(item)
        fields: dict[str, Any] = {stage.value: tuple(work) for stage, work in by_stage.items()}
        return cls(**fields, encode_steps=encode_steps)

    def items(self, stage: Stage) -> tuple[PlanItem, ...]:
        """The work of one stage; its field has the very type."""
        found: tuple[PlanItem, ...] = getattr(self, stage.value)
        return found

    def __bool__(self) -> bool:
        return any(self.items(stage) for stage in Stage)


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """So many encoder states now stand in the request's slots: frames of 160 ms (published stride), or one
    for each token of a text.
    """

    request_id: str
    encoder_frames: int


@dataclass(frozen=True, slots=True)
class EncodeUnfinished:
    """The request's encoding goes on in the next step, so that texts need not wait for its end."""

    request_id: str


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """The most probable next token and its natural log-probability.

    ``source_ms``: centre of the encoder frame that the named layer's heads look at most, when asked for; None
    for a text.
    """

    key: SequenceKey
    token_id: int
    log_probability: float
    source_ms: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TextToUnitResult:
    """Vocoder units (one per 20 ms, offset already removed) and the frames given to each character."""

    key: SequenceKey
    units: npt.NDArray[np.int64]
    character_durations: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class VocodeResult:
    """Samples of the units asked for: ``(end_unit - start_unit) * 320``."""

    key: SequenceKey
    samples: Samples


StageResult = EncodeResult | EncodeUnfinished | DecodeResult | TextToUnitResult | VocodeResult
_Result = TypeVar("_Result", bound=StageResult)


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """One item failed alone. ``sequence`` None: the whole request (its encoding) failed."""

    request_id: str
    sequence: int | None
    stage: Stage
    error: str

    @property
    def key(self) -> ItemKey:
        """That of the item."""
        return self.request_id, self.sequence


@dataclass(frozen=True, slots=True)
class StageReport:
    """Wall time of one stage in this step, from ``started_s`` (``time.monotonic``) on, and how many items
    shared it.
    """

    stage: Stage
    duration_ms: float
    batch_size: int
    started_s: float


@dataclass(frozen=True, slots=True)
class StepReport:
    """How a step went, for whoever watches: its wall time, scheduling included, and its stages."""

    duration_s: float
    stages: tuple[StageReport, ...]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step made: every item of the plan is answered in ``results`` or in ``failures``, exactly once.

    ``results`` are in the order of the stages. The step's events keep this order.
    """

    results: tuple[StageResult, ...] = ()
    failures: tuple[ItemFailure, ...] = ()
    stages: tuple[StageReport, ...] = ()

    @property
    def encoded(self) -> tuple[EncodeResult | EncodeUnfinished, ...]:
        """Those of ENCODE."""
        return self._of((EncodeResult, EncodeUnfinished))

    @property
    def decoded(self) -> tuple[DecodeResult, ...]:
        """Those of DECODE."""
        return self._of((DecodeResult,))

    @property
    def units(self) -> tuple[TextToUnitResult, ...]:
        """Those of TEXT_TO_UNIT."""
        return self._of((TextToUnitResult,))

    @property
    def vocoded(self) -> tuple[VocodeResult, ...]:
        """Those of VOCODE."""
        return self._of((VocodeResult,))

    def _of(self, kinds: tuple[type[_Result], ...]) -> tuple[_Result, ...]:
        return tuple(each for each in self.results if isinstance(each, kinds))
