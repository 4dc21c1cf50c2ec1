"""Computes plans: owns the model, its caches and every tensor. Knows nothing of phases, credit or order."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch

from translate_svc.engine.plan import (
    Decoded,
    DecodeItem,
    Encoded,
    EncodeItem,
    Failure,
    SequenceKey,
    StageReport,
    StepPlan,
    StepResult,
    TextToUnitItem,
    UnitsMade,
    Vocoded,
    VocodeItem,
)
from translate_svc.errors import EngineError
from translate_svc.models.checkpoint import Checkpoint
from translate_svc.models.description import Capabilities
from translate_svc.models.isolation import run_isolated
from translate_svc.models.translation_model import (
    ModelLimits,
    Piece,
    Text,
    TokenPrediction,
    TranslationModel,
)
from translate_svc.models.vocoder import Voice
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

_Item = TypeVar("_Item", EncodeItem, DecodeItem, TextToUnitItem, VocodeItem)
_Result = TypeVar("_Result", Encoded, Decoded, UnitsMade, Vocoded)
_Outcome = TypeVar("_Outcome")


@dataclass(slots=True)
class _Tenant:
    """Who a slot belongs to and what it was fed: the runner's own check on the plan."""

    key: SequenceKey
    source_ms: int
    fed_token_ids: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Report:
    """Failures and stage times of one step."""

    failures: list[Failure] = field(default_factory=list)
    stages: list[StageReport] = field(default_factory=list)


class ModelRunner:
    """Executes one ``StepPlan`` at a time, all items of a stage in one batch. Not thread-safe.

    A result does not depend on its batch mates. An item that cannot be computed becomes a ``Failure`` of its
    own: one that raises, one that is not finite, one whose slot belongs to somebody else.

    Args:
        checkpoint: a verified checkpoint; its weights are loaded here.
        max_slots: rows of the decoder's caches.
        max_source_samples: longest utterance (16 kHz); sizes the cross-attention caches.
        max_tokens: most tokens fed to one sequence, prompt included; sizes the self-attention caches.
        device: where to compute.
        dtype: of encoder, decoder and text-to-unit. The vocoder computes in float32 whatever this says.
        alignment_layer: decoder layer whose cross-attention tells ``source_ms``; by default the one at two
            thirds of the stack.

    Raises:
        CheckpointError: the weights are torn or do not fit the configuration.
        InvalidArgument: a limit that the checkpoint cannot hold.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        max_slots: int,
        max_source_samples: int,
        max_tokens: int,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        alignment_layer: int | None = None,
    ) -> None:
        default_layer = checkpoint.config.decoder_layers * 2 // 3
        self._checkpoint = checkpoint
        self._model = TranslationModel(
            checkpoint,
            ModelLimits(max_slots, max_tokens, max_source_samples),
            device=torch.device(device),
            dtype=dtype,
            alignment_layer=default_layer if alignment_layer is None else alignment_layer,
        )
        self._tenants: list[_Tenant | None] = [None] * max_slots

    @property
    def capabilities(self) -> Capabilities:
        """Languages, voices and limits of the loaded checkpoint."""
        return self._checkpoint.capabilities()

    def execute(self, plan: StepPlan) -> StepResult:
        """Computes every item of ``plan``; each is answered exactly once.

        Raises:
            DeviceLost: the accelerator's context is gone.
        """
        report = _Report()
        with torch.inference_mode():
            encoded = self._stage("encode", plan.encode, self._encode, report)
            decoded = self._stage("decode", plan.decode, self._decode, report)
            units = self._stage("text_to_unit", plan.text_to_unit, self._text_to_unit, report)
            vocoded = self._stage("vocode", plan.vocode, self._vocode, report)
        return StepResult(
            tuple(encoded),
            tuple(decoded),
            tuple(units),
            tuple(vocoded),
            tuple(report.failures),
            tuple(report.stages),
        )

    def _stage(
        self,
        name: str,
        items: Sequence[_Item],
        batch: Callable[[Sequence[_Item]], Sequence[_Result | EngineError]],
        report: _Report,
    ) -> list[_Result]:
        if not items:
            return []
        started = time.perf_counter()
        outcomes = run_isolated(items, batch)
        duration_ms = (time.perf_counter() - started) * 1000
        report.stages.append(StageReport(name, duration_ms, len(items)))
        results: list[_Result] = []
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, EngineError):
                key = (item.request_id, None) if isinstance(item, EncodeItem) else item.key
                report.failures.append(Failure(*key, name, outcome.description))
            else:
                results.append(outcome)
        return results

    def _encode(self, items: Sequence[EncodeItem]) -> list[Encoded | EngineError]:
        def run(good: Sequence[EncodeItem]) -> list[Encoded | EngineError]:
            waveforms = [item.source for item in good if isinstance(item.source, np.ndarray)]
            frames = self._model.encode(waveforms, [item.slots for item in good])
            return [
                each if isinstance(each, EngineError) else self._move_in(item, each)
                for item, each in zip(good, frames, strict=True)
            ]

        return _run_valid(items, self._encode_problem, run)

    def _decode(self, items: Sequence[DecodeItem]) -> list[Decoded | EngineError]:
        shared = {slot for slot, count in Counter(item.slot for item in items).items() if count > 1}

        def run(good: Sequence[DecodeItem]) -> list[Decoded | EngineError]:
            predictions = self._model.decode(
                [item.slot for item in good],
                [item.position for item in good],
                [item.token_id for item in good],
                align=[item.attention for item in good],
            )
            return [
                each if isinstance(each, EngineError) else self._fed(item, each)
                for item, each in zip(good, predictions, strict=True)
            ]

        return _run_valid(items, lambda item: self._decode_problem(item, shared), run)

    def _text_to_unit(self, items: Sequence[TextToUnitItem]) -> list[UnitsMade | EngineError]:
        def run(good: Sequence[TextToUnitItem]) -> list[UnitsMade | EngineError]:
            texts = [Text(item.slot, item.token_ids, item.duration_factor) for item in good]
            return [
                each
                if isinstance(each, EngineError)
                else UnitsMade(item.key, each.units, each.character_durations)
                for item, each in zip(good, self._model.text_to_unit(texts), strict=True)
            ]

        return _run_valid(items, self._text_to_unit_problem, run)

    def _vocode(self, items: Sequence[VocodeItem]) -> list[Vocoded | EngineError]:
        languages = self._checkpoint.maps.vocoder_languages

        def run(good: Sequence[VocodeItem]) -> list[Vocoded | EngineError]:
            voices = [Voice(languages[item.language], item.speaker_id) for item in good]
            pieces = [
                Piece(item.units, item.start_unit, item.end_unit, voice)
                for item, voice in zip(good, voices, strict=True)
            ]
            return [
                each if isinstance(each, EngineError) else Vocoded(item.key, each)
                for item, each in zip(good, self._model.vocode(pieces), strict=True)
            ]

        return _run_valid(items, self._vocode_problem, run)

    def _move_in(self, item: EncodeItem, frames: int) -> Encoded:
        source_ms = len(item.source) * 1000 // INTERNAL_SAMPLE_RATE_HZ
        for sequence, slot in enumerate(item.slots):
            self._tenants[slot] = _Tenant(SequenceKey(item.request_id, sequence), source_ms)
        return Encoded(item.request_id, frames)

    def _fed(self, item: DecodeItem, prediction: TokenPrediction) -> Decoded:
        tenant = self._tenants[item.slot]
        assert tenant is not None, "only a slot's owner gets here"
        tenant.fed_token_ids.append(item.token_id)
        source_ms = None if prediction.source_ms is None else min(prediction.source_ms, tenant.source_ms)
        return Decoded(item.key, prediction.token_id, prediction.log_probability, source_ms)

    def _tenant(self, key: SequenceKey, slot: int) -> _Tenant | None:
        """What ``slot`` holds, if it is ``key``'s."""
        tenant = self._tenants[slot] if 0 <= slot < len(self._tenants) else None
        return tenant if tenant is not None and tenant.key == key else None

    def _encode_problem(self, item: EncodeItem) -> str | None:
        if not item.slots or not all(0 <= slot < len(self._tenants) for slot in item.slots):
            return f"slots {item.slots} do not all exist"
        for slot in item.slots:
            self._tenants[slot] = None  # whatever becomes of this item, the former owner has moved out
        if isinstance(item.source, tuple):
            return "text is not served yet"
        low, high = self._model.min_source_samples, self._model.limits.max_source_samples
        if item.source.ndim != 1 or not low <= len(item.source) <= high:
            return f"samples: shape {list(item.source.shape)}, expected one dimension of {low} to {high}"
        return None

    def _decode_problem(self, item: DecodeItem, shared: set[int]) -> str | None:
        tenant = self._tenant(item.key, item.slot)
        if tenant is None:
            return f"slot {item.slot} does not hold this sequence"
        if item.slot in shared:
            return f"slot {item.slot} is fed twice in one step"
        if item.position != len(tenant.fed_token_ids):
            return f"position {item.position} is fed after {len(tenant.fed_token_ids)} tokens"
        if item.position >= self._model.limits.max_tokens:
            return f"position {item.position} is beyond the cache"
        if not 0 <= item.token_id < self._checkpoint.config.vocab_size:
            return "token_id is outside the vocabulary"
        return None

    def _text_to_unit_problem(self, item: TextToUnitItem) -> str | None:
        tenant = self._tenant(item.key, item.slot)
        if tenant is None:
            return f"slot {item.slot} does not hold this sequence"
        if len(item.token_ids) < 2 or item.token_ids != tuple(tenant.fed_token_ids):
            return "token_ids are not what was fed"
        if item.language not in self._checkpoint.maps.vocoder_languages:
            return f"language {item.language!r} has no speech"
        if not (math.isfinite(item.duration_factor) and item.duration_factor > 0):
            return "duration_factor must be a positive number"
        return None

    def _vocode_problem(self, item: VocodeItem) -> str | None:
        config = self._checkpoint.config
        if item.language not in self._checkpoint.maps.vocoder_languages:
            return f"language {item.language!r} has no speech"
        if not 0 <= item.speaker_id < config.vocoder_num_spkrs:
            return f"speaker_id {item.speaker_id} is not in [0, {config.vocoder_num_spkrs})"
        if not 0 <= item.start_unit < item.end_unit <= len(item.units):
            return f"units [{item.start_unit}, {item.end_unit}) of {len(item.units)} do not exist"
        if item.units.min() < 0 or item.units.max() >= config.unit_hifi_gan_vocab_size:
            return f"units must lie in [0, {config.unit_hifi_gan_vocab_size})"
        return None


def _run_valid(
    items: Sequence[_Item],
    problem: Callable[[_Item], str | None],
    run: Callable[[Sequence[_Item]], Sequence[_Outcome | EngineError]],
) -> list[_Outcome | EngineError]:
    """Runs the items that have no problem; the others are answered by it."""
    problems = [problem(item) for item in items]
    good = [item for item, found in zip(items, problems, strict=True) if found is None]
    outcomes = iter(run(good) if good else ())
    return [next(outcomes) if found is None else EngineError(found) for found in problems]
