"""Our side: the engine without its thread, every utterance in the line before the first step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.throughput.number_tokenizer import NumberTokenizer
from benchmarks.throughput.outcome import Outcome
from benchmarks.throughput.utterance import Utterance
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    TokenDecoded,
    WaveformPiece,
)
from translate_svc.engine.options import CPU_BUDGETS, EngineLimits, StepBudgets
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.request import Request
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.step_result import DecodeResult, StepReport, StepResult
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.precision import FLOAT32, Precision
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS, SentencePieceTokenizer
from translate_svc.models.tokenizer import Tokenizer

_CREDIT_PIECES = 10_000


class ForcedLengths:
    """A runner whose texts end where they are told to: only the predicted end is moved, at no cost."""

    def __init__(self, runner: ModelRunner, eos_token_id: int) -> None:
        self.tokens: dict[str, int | None] = {}
        self._runner = runner
        self._eos_token_id = eos_token_id

    def execute(self, plan: StepPlan) -> StepResult:
        """As the runner, with ``</s>`` predicted once a text and its history have their number of tokens."""
        result = self._runner.execute(plan)
        fed = {item.key: item.position + len(item.token_ids) - PROMPT_TOKENS for item in plan.decode}

        def is_long_enough(decoded: DecodeResult) -> bool:
            wanted = self.tokens.get(decoded.key.request_id)
            return wanted is not None and fed[decoded.key] + len(decoded.accepted) >= wanted

        results = tuple(
            dataclasses.replace(each, token_id=self._eos_token_id)
            if isinstance(each, DecodeResult) and is_long_enough(each)
            else each
            for each in result.results
        )
        return dataclasses.replace(result, results=results)


class Engine:
    """Scheduler, runner and nothing else.

    Args:
        folder: a checkpoint.
        slots: texts, or their beams, that are decoded together.
        num_beams: those of each text.
        precision: as the model takes it.
        device: likewise.
        graphs: likewise.
        max_encode_steps: as the scheduler takes it.
        min_encode_steps: likewise.
        budgets: of a step.
        on_step: sees every step's report.
    """

    def __init__(
        self,
        folder: Path,
        *,
        slots: int = 16,
        num_beams: int = 1,
        precision: Precision = FLOAT32,
        device: str = "cpu",
        graphs: bool = True,
        max_encode_steps: int = EngineLimits().max_encode_steps,
        min_encode_steps: int = EngineLimits().min_encode_steps,
        budgets: StepBudgets = CPU_BUDGETS,
        on_step: Callable[[StepReport], None] | None = None,
    ) -> None:
        checkpoint = Checkpoint.open(folder)
        limits = EngineLimits(
            budgets=budgets,
            max_slots=slots,
            max_waiting_requests=1_024,
            initial_credit_pieces=_CREDIT_PIECES,
            max_encode_steps=max_encode_steps,
            min_encode_steps=min_encode_steps,
        )
        self.runner = ModelRunner(
            SeamlessModel(checkpoint, limits.model_limits, precision=precision, device=torch.device(device)),
            limits.model_limits,
            graphs=graphs,
        )
        tokenizer = tokenizer_of(checkpoint)
        self._forced = ForcedLengths(self.runner, tokenizer.eos_token_id)
        self.scheduler = Scheduler(limits, tokenizer)
        self.core = EngineCore(self.scheduler, self._forced, on_step=on_step)
        self._speakers = checkpoint.speakers
        self._num_beams = num_beams

    @property
    def capabilities(self) -> Capabilities:
        """Of the checkpoint."""
        return self.runner.capabilities

    def add(self, request_id: str, utterance: Utterance, *, speech: bool) -> None:
        """Puts an utterance in the line."""
        self.scheduler.add(self.request(request_id, utterance, speech=speech))

    def run_request(self, request: Request, forced_tokens: int) -> list[EngineEvent]:
        """Computes one request to its end, with a text of so many tokens. Its events in their order."""
        self._forced.tokens[request.request_id] = forced_tokens
        self.scheduler.add(request)
        events: list[EngineEvent] = []
        while self.scheduler.has_work:
            events += self.core.step()
        del self._forced.tokens[request.request_id]
        return events

    def request(self, request_id: str, utterance: Utterance, *, speech: bool) -> Request:
        """As the engine takes it."""
        self._forced.tokens[request_id] = utterance.forced_tokens
        speaker = self._speakers[utterance.language][0]
        spec = SequenceSpec(utterance.language, speech=speech, speaker_id=speaker, num_beams=self._num_beams)
        return Request(request_id, utterance.samples, (spec,))

    def run(self, utterances: Sequence[Utterance], *, speech: bool) -> list[Outcome]:
        """Translates all; outcomes in their order."""
        for index, utterance in enumerate(utterances):
            self.add(str(index), utterance, speech=speech)
        tokens: list[list[int]] = [[] for _ in utterances]
        samples = [0] * len(utterances)
        while self.scheduler.has_work:
            for event in self.core.step():
                if isinstance(event, TokenDecoded):
                    tokens[int(event.request_id)].append(event.token_id)
                elif isinstance(event, WaveformPiece):
                    samples[int(event.request_id)] += len(event.samples)
                elif isinstance(event, RequestFinished) and event.status is FinishStatus.FAILED:
                    raise RuntimeError(event.error)
        return [Outcome(tuple(ids), count) for ids, count in zip(tokens, samples, strict=True)]


def tokenizer_of(checkpoint: Checkpoint) -> Tokenizer:
    """The checkpoint's own, or numbers where it has none."""
    if not (checkpoint.path / "tokenizer_config.json").exists():
        return NumberTokenizer()
    return SentencePieceTokenizer.from_pretrained(
        checkpoint.path, config=checkpoint.config, languages=checkpoint.maps.text_languages
    )
