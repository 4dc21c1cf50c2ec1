"""Executes plans. Owns the model, its caches and every tensor. Knows no phases, no credit and no order."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar, cast

import torch

from translate_svc.engine.plan import (
    BeamItem,
    DecodeItem,
    EncodeItem,
    StepPlan,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.runner.decoding.beam_rows import (
    DecodeWork,
    batch_size,
    copy_rows,
    record_copies,
    rows_of,
)
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.runner.decoding.token_decoder import TokenDecoder
from translate_svc.engine.runner.encode_time import EncodeTime
from translate_svc.engine.runner.failure_streaks import FailureStreaks
from translate_svc.engine.runner.item_checks import ItemChecks
from translate_svc.engine.runner.slot_ledger import SlotLedger
from translate_svc.engine.runner.source_cache import SourceCache
from translate_svc.engine.runner.source_encoder import SourceEncoder
from translate_svc.engine.runner.valid_items import run_valid, shared_slots
from translate_svc.engine.step_result import (
    BeamResult,
    DecodeResult,
    EncodeResult,
    EncodeUnfinished,
    ItemFailure,
    StageReport,
    StageResult,
    StepResult,
    TextToUnitResult,
    VocodeResult,
)
from translate_svc.errors import EngineError
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import graph_capturer
from translate_svc.models.isolation import run_isolated
from translate_svc.models.limits import ModelLimits
from translate_svc.models.speech_model import PieceInput, SpeechModel, T2uInput
from translate_svc.types import Stage

_Item = TypeVar("_Item", EncodeItem, DecodeItem, DecodeWork, TextToUnitItem, VocodeItem)
_Decoded = DecodeResult | BeamResult
_Result = TypeVar("_Result")


@dataclass(slots=True)
class _Report:
    """Failures and stage times of one step."""

    failures: list[ItemFailure] = field(default_factory=list)
    stages: list[StageReport] = field(default_factory=list)


class ModelRunner:
    """Executes one ``StepPlan`` at a time, all items of a stage in one batch. Not thread-safe.

    An encoding delays the texts of its step about as long as ``EncodeTime`` allows, and continues in the next
    step. A step without decode items finishes its encodings at once, if the plan gives them no time.

    A result does not depend on the other items of its batch; in int8 a unit of speech may be another one that
    is as good as tied with it. An item gets its own ``ItemFailure`` when it raises, when its result is not
    finite, or when another sequence holds its slot.

    Args:
        model: a loaded model; nothing else uses it.
        limits: the sizes of its caches.
        masks: by their names in ``Constraint``, the tokens that must not be chosen.
        suppressed: tokens that are never chosen.
        graphs: capture CUDA graphs of work with few shapes, if the device supports them. This takes seconds.
        source_cache: keeps what hypotheses of growing utterances compute again; by default one of 64 MiB.
        tail_padding_samples: background after the end of each utterance; ``limits`` have room for it.
        clock: returns seconds and never goes backwards; measures the stages.
    """

    def __init__(
        self,
        model: SpeechModel,
        limits: ModelLimits,
        *,
        masks: Mapping[str, Sequence[int]] = MappingProxyType({}),
        suppressed: Sequence[int] = (),
        graphs: bool = True,
        source_cache: SourceCache | None = None,
        tail_padding_samples: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        biases = ConstraintBiases(
            masks,
            slots=limits.max_slots,
            vocabulary_size=model.vocabulary_size,
            device=model.device,
            suppressed=suppressed,
        )
        with _current(model.device):
            self._decoder = TokenDecoder(model, biases, graph_capturer(model.device) if graphs else None)
        self._ledger = SlotLedger(limits.max_slots)
        self._checks = ItemChecks(model, limits, self._ledger, biases)
        self._clock = clock
        cache = SourceCache() if source_cache is None else source_cache
        self._encoder = SourceEncoder(model, self._checks, self._ledger, cache, tail_padding_samples, clock)
        self._encode_time = EncodeTime()
        self._streaks = FailureStreaks(on_accelerator=model.device.type != "cpu")
        self._returned_s = self._away_s = 0.0  # when the last step ended, and how long ago that was

    @property
    def capabilities(self) -> Capabilities:
        """Languages, voices and limits of the model."""
        return self._model.capabilities

    @property
    def graph_counts(self) -> Mapping[Stage, CaptureCount]:
        """By stage, how many CUDA graphs were captured and refused. Empty without graphs."""
        return self._model.graph_counts

    def execute(self, plan: StepPlan) -> StepResult:
        """Computes ``plan`` and answers every item exactly once.

        Raises:
            DeviceLost: the accelerator's context is lost, or a stage fails for every item.
        """
        report = _Report()
        results: list[StageResult] = []
        started_s = self._clock()
        self._away_s = started_s - self._returned_s
        self._encoder.until_s = started_s + self._encode_time.seconds(plan)
        with torch.inference_mode(), _current(self._model.device):
            for stage in Stage:
                results += self._stage(stage, plan, report)
        self._returned_s = self._clock()
        return StepResult(tuple(results), tuple(report.failures), tuple(report.stages))

    def _stage(self, stage: Stage, plan: StepPlan, report: _Report) -> Sequence[StageResult]:
        match stage:
            case Stage.ENCODE:
                return self._run(stage, plan.encode, self._encode, report)
            case Stage.DECODE:
                if not plan.beams:
                    return self._run(stage, plan.decode, self._decode, report)
                work: list[DecodeWork] = [*plan.decode, *plan.beams]
                return self._run(stage, work, self._decode_beams, report)
            case Stage.TEXT_TO_UNIT:
                return self._run(stage, plan.text_to_unit, self._text_to_unit, report)
            case Stage.VOCODE:
                return self._run(stage, plan.vocode, self._vocode, report)

    def _run(
        self,
        stage: Stage,
        items: Sequence[_Item],
        batch: Callable[[Sequence[_Item]], Sequence[_Result | EngineError]],
        report: _Report,
    ) -> list[_Result]:
        if not items:
            return []
        started_s = self._clock()
        outcomes = run_isolated(items, batch, self._model.free_memory)
        self._streaks.observe(stage, outcomes)
        duration_ms = (self._clock() - started_s) * 1000
        report.stages.append(StageReport(stage, duration_ms, batch_size(items), started_s))
        # the device may have computed what was launched ahead while the host was away
        away_s = self._away_s if stage is Stage.DECODE and self._decoder.found_ahead else 0.0
        self._encode_time.observe(stage, items, duration_ms / 1000 + away_s)
        results: list[_Result] = []
        if not any(issubclass(kind, EngineError) for kind in set(map(type, outcomes))):
            return cast("list[_Result]", outcomes)
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, EngineError):
                report.failures.append(ItemFailure(*item.key, stage, outcome.description))
            else:
                results.append(outcome)
        return results

    def _encode(self, items: Sequence[EncodeItem]) -> list[EncodeResult | EncodeUnfinished | EngineError]:
        return self._encoder.encode(items)

    def _decode(self, items: Sequence[DecodeItem]) -> list[DecodeResult | EngineError]:
        def run(valid: Sequence[DecodeItem]) -> list[DecodeResult | EngineError]:
            outcomes = self._decoder.predict(valid)
            for item, each in zip(valid, outcomes, strict=True):
                if not isinstance(each, EngineError):
                    self._ledger.record_tokens(item, each)
            return outcomes

        if self._checks.are_steps(items):
            return run(items)
        shared = shared_slots(item.slot for item in items)
        return run_valid(items, lambda item: self._checks.decode(item, shared), run)

    def _decode_beams(self, items: Sequence[DecodeWork]) -> list[_Decoded | EngineError]:
        """As ``_decode``, for items of which some have beams."""
        shared = shared_slots(row.slot for item in items for row in rows_of(item))

        def problem(item: DecodeWork) -> str | None:
            if isinstance(item, BeamItem):
                return self._checks.beams(item, shared)
            return self._checks.decode(item, shared)

        def run(valid: Sequence[DecodeWork]) -> list[_Decoded | EngineError]:
            copy_rows(self._model, self._ledger, valid)
            made = iter(self._decoder.predict([row for item in valid for row in rows_of(item)]))
            return [self._fed_rows(item, [next(made) for _ in rows_of(item)]) for item in valid]

        return run_valid(items, problem, run)

    def _text_to_unit(self, items: Sequence[TextToUnitItem]) -> list[TextToUnitResult | EngineError]:
        def run(valid: Sequence[TextToUnitItem]) -> list[TextToUnitResult | EngineError]:
            assert self._model.speech is not None, "the items passed ``ItemChecks.text_to_unit``"
            made = self._model.speech.text_to_unit([_t2u_input(item) for item in valid])
            return [
                each
                if isinstance(each, EngineError)
                else TextToUnitResult(item.key, each.units, each.character_durations, each.token_durations)
                for item, each in zip(valid, made, strict=True)
            ]

        return run_valid(items, self._checks.text_to_unit, run)

    def _vocode(self, items: Sequence[VocodeItem]) -> list[VocodeResult | EngineError]:
        def run(valid: Sequence[VocodeItem]) -> list[VocodeResult | EngineError]:
            assert self._model.speech is not None, "the items passed ``ItemChecks.vocode``"
            pieces = [
                PieceInput(item.units, item.start_unit, item.end_unit, item.language, item.speaker_id)
                for item in valid
            ]
            return [
                each if isinstance(each, EngineError) else VocodeResult(item.key, each)
                for item, each in zip(valid, self._model.speech.vocode(pieces), strict=True)
            ]

        return run_valid(items, self._checks.vocode, run)

    def _fed_rows(
        self, item: DecodeWork, outcomes: Sequence[DecodeResult | EngineError]
    ) -> _Decoded | EngineError:
        """A sequence fails with any of its rows."""
        made: list[DecodeResult] = []
        for each in outcomes:
            if isinstance(each, EngineError):
                return each
            made.append(each)
        if isinstance(item, BeamItem):
            record_copies(self._ledger, item)
        for row, result in zip(rows_of(item), made, strict=True):
            self._ledger.record_tokens(row, result)
        return BeamResult(item.key, tuple(made)) if isinstance(item, BeamItem) else made[0]


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Makes a GPU the thread's own: else memory is pinned for the first one, whichever computes."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _t2u_input(item: TextToUnitItem) -> T2uInput:
    return T2uInput(
        item.slot,
        item.token_ids,
        item.duration_factor,
        item.context_tokens,
        item.lookahead_tokens,
        item.pause_factor,
        item.dropped_context_tokens,
        item.sentence_pause_units,
    )
