"""A scheduler with a real model, and the hypotheses of a growing buffer. Each continues the one before."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tests.checkpoints import checkpoint_folder, new_runner
from tests.step_results import vocode_results
from translate_svc.engine.constraint import CONTINUATION_MASK
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import EngineEvent, UnitsPredicted, WaveformPiece
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import SequenceKey, StepPlan, VocodeItem
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.commit_policy import AlignAtt, CommitPolicy
from translate_svc.engine.simultaneous.hypothesis import (
    HypothesisDecided,
    HypothesisOptions,
    HypothesisTraits,
    SequenceHypothesis,
    SpeechCarriedOver,
)
from translate_svc.engine.simultaneous.words import continuation_tokens
from translate_svc.engine.step_result import ItemFailure, StepResult
from translate_svc.models.alignment.alignment_file import AttentionRow, alignment_of
from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer
from translate_svc.models.seamless.vocoder.receptive_field import context_units
from translate_svc.types import Samples, Stage

LIMITS = EngineLimits(
    max_slots=4,
    max_slot_tokens=128,
    max_source_samples=160_000,
    max_source_tokens=64,
    initial_credit_pieces=99,
)
STEP_SAMPLES, MAX_BUFFER_SAMPLES = 8_000, 12 * 16_000
PATIENT = AlignAtt(3)
_UTTERANCES = itertools.count()

EventT = TypeVar("EventT")


@functools.cache
def _runner(name: str) -> ModelRunner:
    return hypothesis_runner(name)


def hypothesis_runner(name: str, **options: Any) -> ModelRunner:
    """A runner that attends with the checkpoint's calibrated heads."""
    alignment = alignment_of(checkpoint_folder(name), Checkpoint.open(checkpoint_folder(name)).config)
    heads = AlignmentHeads(alignment.heads) if alignment.heads else None
    whole = Checkpoint.open(checkpoint_folder(name))
    tokenizer = tokenizer_of(whole)
    masks = {CONTINUATION_MASK: continuation_tokens(tokenizer, whole.config.vocab_size)}
    return new_runner(name, LIMITS.model_limits, alignment_heads=heads, masks=masks, **options)


def tokenizer_of(whole: Checkpoint) -> SentencePieceTokenizer:
    return SentencePieceTokenizer.from_pretrained(
        whole.path, config=whole.config, languages=whole.maps.text_languages
    )


@dataclass
class RecordingRunner:
    """The real runner. It keeps the plans, and fails the items of a stage that it is told to."""

    runner: ModelRunner
    fails: set[tuple[SequenceKey, Stage]] = field(default_factory=set)
    plans: list[StepPlan] = field(default_factory=list)

    def execute(self, plan: StepPlan) -> StepResult:
        self.plans.append(plan)
        result = self.runner.execute(plan)
        failed = [
            (item.key, stage)
            for stage in (Stage.DECODE, Stage.TEXT_TO_UNIT, Stage.VOCODE)
            for item in plan.items(stage)
            if (item.key, stage) in self.fails
        ]
        keys = {key for key, _ in failed}
        kept = tuple(each for each in result.results if getattr(each, "key", None) not in keys)
        failures = tuple(ItemFailure(*key, stage, "poisoned") for key, stage in failed)
        return StepResult(kept, result.failures + failures, result.stages)


class HypothesisHarness:
    """One engine core, and all its events by request. ``runner``: by default one that all houses share."""

    def __init__(
        self, name: str = "starter", limits: EngineLimits = LIMITS, runner: ModelRunner | None = None
    ) -> None:
        whole = Checkpoint.open(checkpoint_folder(name))
        alignment = alignment_of(whole.path, whole.config)
        self.traits = HypothesisTraits(
            frame_samples=whole.config.encoder_frame_ms * 16,
            predicting_row=alignment.attention_row is AttentionRow.PREDICTING,
            context_units=context_units(whole.config),
        )
        self.tokenizer = tokenizer_of(whole)
        self.runner = RecordingRunner(runner or _runner(name))
        self.scheduler = Scheduler(limits, self.tokenizer, self.traits)
        self._core = EngineCore(self.scheduler, self.runner)
        self.events: defaultdict[str, list[EngineEvent]] = defaultdict(list)

    def step(self) -> None:
        for event in self._core.step():
            self.events[event.request_id].append(event)

    def run(self, *requests: Request) -> list[list[EngineEvent]]:
        """All of them together, to their ends."""
        for request in requests:
            self.scheduler.add(request)
        while self.scheduler.has_work:
            self.step()
        assert not self.scheduler.slot_owners
        return [self.events[request.request_id] for request in requests]

    def vocode(self, units: npt.NDArray[np.int64], spec: SequenceSpec) -> Samples:
        """All units in one call, through the runner itself."""
        item = VocodeItem(SequenceKey("whole", 0), units, 0, len(units), spec.language, spec.speaker_id)
        result = self.runner.runner.execute(StepPlan(vocode=(item,)))
        assert not result.failures
        return vocode_results(result)[0].samples

    def hypotheses(
        self,
        samples: Samples,
        ends: Iterable[int],
        specs: tuple[SequenceSpec, ...],
        *,
        name: str = "u",
        beside: Callable[[int], Sequence[Request]] = lambda _: (),
        playback_pending: Sequence[bool] = (False,),
        **options: Any,
    ) -> list[list[EngineEvent]]:
        """Hypotheses over ``samples[:end]`` for each of ``ends``, the last of them final; their events.

        The buffer keeps its start, so every history is of audio that it has. ``beside``: what runs beside the
        hypothesis of a number. ``playback_pending``: as that of ``SequenceHypothesis``, of one hypothesis
        after the other, over and over. ``options``: further ones of the requests.
        """
        ends = list(ends)
        states = [SequenceHypothesis() for _ in specs]
        made: list[list[EngineEvent]] = []
        heard, utterance_id = 0, f"{name}-{next(_UTTERANCES)}"
        for number, (end, plays) in enumerate(zip(ends, itertools.cycle(playback_pending), strict=False)):
            final = number == len(ends) - 1
            request = hypothesis_request(
                f"{name}/{number}",
                samples[:end],
                specs,
                tuple(dataclasses.replace(state, playback_pending=plays and not final) for state in states),
                is_final=final,
                new_samples=end - heard,
                utterance_id=utterance_id,
                **options,
            )
            heard = end
            made.append(self.run(request, *beside(number))[0])
            states = [continued(state, made[-1], index) for index, state in enumerate(states)]
        return made


def hypothesis_request(
    request_id: str,
    samples: Samples,
    specs: tuple[SequenceSpec, ...],
    states: tuple[SequenceHypothesis, ...] = (),
    *,
    policy: CommitPolicy = PATIENT,
    is_final: bool = False,
    new_samples: int = STEP_SAMPLES,
    utterance_id: str = "",
    **options: Any,
) -> HypothesisRequest:
    states = states or tuple(SequenceHypothesis() for _ in specs)
    utterance_id = utterance_id or f"{request_id}-{next(_UTTERANCES)}"
    hypothesis = HypothesisOptions(
        states, utterance_id, 0, policy, is_final, STEP_SAMPLES, new_samples, MAX_BUFFER_SAMPLES
    )
    return HypothesisRequest(request_id, samples, specs, hypothesis=hypothesis, **options)


def continued(state: SequenceHypothesis, events: Sequence[EngineEvent], sequence: int) -> SequenceHypothesis:
    """What the next hypothesis is asked with: all that was committed is history."""
    decided = [each for each in of(events, HypothesisDecided) if each.sequence == sequence]
    kept = [each for each in of(events, SpeechCarriedOver) if each.sequence == sequence]
    if not decided:
        return state
    hypothesis, committed = decided[0].hypothesis, decided[0].decision.committed
    return SequenceHypothesis(
        hypothesis.token_ids[: hypothesis.history_tokens + committed],
        state.committed_tokens + committed,
        hypothesis,
        kept[0].speech if kept else state.speech,
    )


def of(events: Iterable[EngineEvent], kind: type[EventT]) -> list[EventT]:
    return [event for event in events if isinstance(event, kind)]


def joined(events: Iterable[EngineEvent]) -> Samples:
    """The waveform of one sequence. Its pieces follow each other without gap and overlap."""
    pieces = of(events, WaveformPiece)
    end = 0
    for piece in pieces:
        assert piece.start_samples == end, "a gap or an overlap"
        end += len(piece.samples)
    return np.concatenate([piece.samples for piece in pieces]) if pieces else np.zeros(0, np.float32)


def all_units(events: Iterable[EngineEvent]) -> npt.NDArray[np.int64]:
    """The units of one sequence, in order."""
    return np.array([unit for each in of(events, UnitsPredicted) for unit in each.units], np.int64)
