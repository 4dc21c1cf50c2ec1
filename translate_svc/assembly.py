"""Builds the parts of a service that take seconds: model, engine, voice activity detector.

Importing this file is cheap. The heavy libraries are imported by ``assemble`` and ``load_engine``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc.config import Settings
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.simultaneous.hypothesis import CommitDefaults, HypothesisTraits
from translate_svc.engine.thread.watchdog import Watchdog
from translate_svc.errors import InvalidArgument
from translate_svc.garbage_collection import collection_paused
from translate_svc.memory_limits import memory_to_hold
from translate_svc.models.alignment.alignment_file import AttentionRow
from translate_svc.models.checkpoint.identity import find_checkpoint, read_identity
from translate_svc.models.machine.memory_estimate import MemoryEstimate, check_fits
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, ModelInfo

if TYPE_CHECKING:
    from translate_svc.engine.async_engine import AsyncEngine
    from translate_svc.engine.step_result import StepReport
    from translate_svc.models.limits import ModelLimits
    from translate_svc.models.placement import Placement
    from translate_svc.models.speech_model import ModelFamily, SpeechModel
    from translate_svc.observability.metrics import Metrics
    from translate_svc.vad.frame_vad import FrameVad


_log = logging.getLogger(__name__)

_STOP_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Assembly:
    """The parts that a ``Service`` is built of. The code that built them starts and stops the engine."""

    engine: EngineHandle
    vad: FrameVad
    facts: ModelFacts


def assemble(
    settings: Settings, metrics: Metrics, on_fatal: Callable[[BaseException], None] | None
) -> tuple[AsyncEngine, Assembly]:
    """Loads the model and builds the engine, which is not started yet, and the detector.

    It blocks for seconds: call it off the event loop.

    Raises:
        CheckpointError, InvalidArgument: as ``load_engine``.
    """
    from translate_svc.vad.silero import SileroVad

    engine, facts = load_engine(settings, metrics, on_fatal)
    return engine, Assembly(engine, SileroVad(), facts)


def _loaded(checkpoint: ModelFamily, limits: ModelLimits, placement: Placement) -> SpeechModel:
    """The model. What ``limits`` ask of it and it cannot do is told by the setting that they come from."""
    try:
        return checkpoint.load(limits, placement)
    except InvalidArgument as error:
        if error.field != "max_source_samples":
            raise
        asked_ms = limits.max_source_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ
        message = f"with `tail_padding_ms` is {asked_ms} ms, longer than this model hears"
        raise InvalidArgument(message, field="max_utterance_ms") from None


@collection_paused()
def load_engine(
    settings: Settings, metrics: Metrics, on_fatal: Callable[[BaseException], None] | None
) -> tuple[AsyncEngine, ModelFacts]:
    """Loads the model and builds the engine. It blocks for seconds: call it off the event loop.

    Raises:
        CheckpointError: the model directory is missing, incomplete or not supported. Names the file.
        InvalidArgument: a setting does not fit this machine or the model, or the model does not fit into its
            memory. Names the field.
    """
    from translate_svc.engine.async_engine import AsyncEngine
    from translate_svc.engine.core import EngineCore
    from translate_svc.engine.runner.model_runner import ModelRunner
    from translate_svc.engine.runner.warm_up import WarmUp
    from translate_svc.engine.scheduling.scheduler import Scheduler
    from translate_svc.engine.terms.encoding import writable_characters
    from translate_svc.engine.text.constraints import masks_of
    from translate_svc.models.checkpoint.cascade_options import cascade_options_of
    from translate_svc.models.checkpoint.utterance_lengths import lengths_of
    from translate_svc.models.checkpoint.weight_index import stored_weights
    from translate_svc.models.confidence.confidence_file import confidence_of
    from translate_svc.models.placement import resolve_placement
    from translate_svc.models.registry import open_checkpoint

    checkpoint = open_checkpoint(find_checkpoint(settings.model, Path(settings.model_cache)))
    placement = resolve_placement(settings.device, settings.dtype, stored_weights(checkpoint.path))
    _log.info("computing in %s on %s: %s", placement.dtype_name, placement.device, placement.reason)
    capabilities, alignment = checkpoint.capabilities, checkpoint.alignment
    _check_readings(settings, reads_text=capabilities.reads_text)
    limits = settings.engine_limits(model_tokens=capabilities.max_text_positions, device=placement.device)
    lengths = lengths_of(checkpoint.path, can_calibrate=capabilities.reads_text)
    tail_padding_samples = settings.tail_padding_samples(lengths.tail_padding_ms)
    longest = limits.max_source_samples + tail_padding_samples
    model_limits = replace(limits.model_limits, max_source_samples=longest)
    check_memory(checkpoint.memory_estimate(model_limits, placement), placement, limits)
    tokenizer = checkpoint.tokenizer()
    runner = ModelRunner(
        _loaded(checkpoint, model_limits, placement),
        model_limits,
        masks=masks_of(tokenizer, checkpoint.vocabulary_size),
        suppressed=tokenizer.text_rules.suppressed,
        graphs=settings.graphs,
        tail_padding_samples=tail_padding_samples,
    )
    for stage, count in runner.graph_counts.items():
        metrics.set_graphs(stage.value, count.captured, count.refused)
    traits = HypothesisTraits(
        frame_samples=capabilities.encoder_frame_ms * INTERNAL_SAMPLE_RATE_HZ // 1000,
        predicting_row=alignment.attention_row is AttentionRow.PREDICTING,
        context_units=checkpoint.context_units,
    )

    def on_step(report: StepReport) -> None:
        batch_sizes = ((each.stage.value, each.batch_size) for each in report.stages)
        metrics.record_step(report.duration_s, batch_sizes)

    def warm_up() -> None:
        if placement.device != "cpu":  # which has nothing to prepare
            WarmUp(runner, limits, tokenizer, capabilities)()

    detection = checkpoint.language_detection
    scheduler = Scheduler(limits, tokenizer, traits, detection.languages)
    core = EngineCore(scheduler, runner, on_step=on_step)
    model = _model_info(checkpoint.path, placement.device, placement.dtype_name)
    engine = AsyncEngine(core, capabilities, on_fatal=on_fatal, warm_up=warm_up)
    hypotheses = CommitDefaults(
        alignment.policy.value,
        alignment.cutoff_frames,
        alignment.sure_probability,
        alignment.unsure_probability,
        calibrated=bool(alignment.heads),
    )
    confidence = confidence_of(checkpoint.path, can_calibrate=capabilities.reads_text)
    cascade = cascade_options_of(checkpoint.path)
    characters = writable_characters(tokenizer, checkpoint.vocabulary_size)
    return engine, ModelFacts(
        capabilities,
        model,
        hypotheses,
        traits,
        confidence,
        lengths,
        detection,
        characters,
        settings.cascade_weight_of(cascade.weight),
        settings.transcript_retries_of(cascade.retries),
    )


def _check_readings(settings: Settings, *, reads_text: bool) -> None:
    for field in () if reads_text else ("cascade_weight", "transcript_retries"):
        if getattr(settings, field) > 0:
            raise InvalidArgument("is for models that translate texts, too", field=field)


@asynccontextmanager
async def running(engine: AsyncEngine, step_timeout_s: float) -> AsyncIterator[None]:
    """Starts an engine, watches its steps, and stops it on exit. Its unfinished requests then fail.

    Enters when the engine is warm, or lost.
    """
    engine.start()
    watchdog = asyncio.create_task(Watchdog(engine, step_timeout_s).run())
    try:
        await engine.warmed_up()
        yield
    finally:
        watchdog.cancel()
        # a lost engine has nothing to finish, and its thread may never return
        deadline_s = 0 if engine.status.lost else _STOP_DEADLINE_S
        await engine.stop(drain=False, deadline_s=deadline_s)


def check_memory(estimate: MemoryEstimate, placement: Placement, limits: EngineLimits) -> None:
    """Refuses a model that this machine or its GPU cannot hold, before weights are read.

    Raises:
        InvalidArgument: as ``check_fits``.
    """
    if placement.device != "cpu":
        from translate_svc.models.machine.description import free_gpu_bytes

        free_bytes = free_gpu_bytes(placement.device)
        check_fits(estimate, free_bytes, f"free memory of {placement.device}", max_slots=limits.max_slots)
    elif (held := memory_to_hold()) is not None:
        check_fits(estimate, held.limit_bytes, held.limit, max_slots=limits.max_slots)


def _model_info(folder: Path, device: str, dtype: str) -> ModelInfo:
    identity = read_identity(folder)
    return ModelInfo(identity.name, identity.revision, identity.license, device, dtype, identity.notice)
