"""Turns decode items into predictions: the model gives logits, the choice is made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from torch import Tensor

from translate_svc.engine.constraint import UNCONSTRAINED
from translate_svc.engine.plan import DecodeItem
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.runner.decoding.greedy import GreedyChoice
from translate_svc.engine.runner.decoding.speculative import accepted_runs, following
from translate_svc.engine.runner.decoding.step_ahead import StepAhead, are_followed
from translate_svc.engine.runner.decoding.top_candidates import Candidates, top_candidates
from translate_svc.engine.step_result import DecodeResult
from translate_svc.errors import EngineError
from translate_svc.models.decoded_step import NO_FRAME, DecodedStep, StepFields
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.layers.transformer import to_device
from translate_svc.models.runs import Runs
from translate_svc.models.speech_model import NOT_FINITE, SpeechModel

_Outcomes: TypeAlias = Callable[[], list[DecodeResult | EngineError]]
"""Waits for a pass that was begun."""


class TokenDecoder:
    """Predicts the next token of each of some valid items of distinct slots.

    Args:
        model: gives the logits.
        biases: the constraints of its slots.
        capturer: captures the model's work as CUDA graphs. None: no capture.

    Attributes:
        found_ahead: whether the device was given the last step before ``predict`` was called.
    """

    def __init__(
        self, model: SpeechModel, biases: ConstraintBiases, capturer: GraphCapturer | None = None
    ) -> None:
        self._model, self._biases = model, biases
        self._greedy = GreedyChoice(biases)
        self._captured = None if capturer is None else model.capture(capturer, self._greedy.of_slots)
        self._ahead: StepAhead | None = None
        self.found_ahead = False

    def predict(self, items: Sequence[DecodeItem]) -> list[DecodeResult | EngineError]:
        """Computes runs of one token in a decode step, which may be a captured graph; others in a prefill.

        Before it waits for the results, it launches the step that follows, if this is captured and certain.

        ``source_ms`` of a result may lie after the end of the source.
        """
        ahead, self._ahead = self._ahead, None
        self.found_ahead = False
        wait = self._begin(items, ahead)
        if self._captured is not None and are_followed(items):
            self._ahead = StepAhead(self._captured, items, self._biases)
        outcomes = wait()
        if self._ahead is not None:
            self._ahead.note_fed(outcomes)
        return outcomes

    def _begin(self, items: Sequence[DecodeItem], ahead: StepAhead | None) -> _Outcomes:
        """Gives the device all of ``items``, except what ``ahead`` has."""
        runs = [
            index
            for index, item in enumerate(items)
            if len(item.token_ids) != 1 or item.speculative_token_ids  # ``is_step``, without a call for each
        ]
        if not runs:
            return self._begin_steps(items, ahead)
        steps = [index for index, item in enumerate(items) if item.is_step]
        parts = []
        if steps:
            parts.append((steps, self._begin_steps([items[index] for index in steps], ahead)))
        parts.append((runs, self._begin_prefill([items[index] for index in runs])))

        def wait() -> list[DecodeResult | EngineError]:
            outcomes = {
                index: outcome
                for indices, arrive in parts
                for index, outcome in zip(indices, arrive(), strict=True)
            }
            return [outcomes[index] for index in range(len(items))]

        return wait

    def _begin_steps(self, items: Sequence[DecodeItem], ahead: StepAhead | None) -> _Outcomes:
        """Launches ``items``, unless ``ahead`` has them."""
        constrained = self._constrained(items)
        attention = any(item.return_attention for item in items)
        found = None if ahead is None or constrained else ahead.find(items)
        if found is not None:
            self.found_ahead = True
            return lambda: self._results(items, found(attention=attention))
        columns = (
            [item.slot for item in items],
            [item.position for item in items],
            [item.token_ids[0] for item in items],
        )
        # a captured step knows of biases, neither of groups nor of probes
        grouped = any(
            item.constraint.group_from is not None or item.probed_token is not None for item in items
        )
        launched = None
        if self._captured is not None and not grouped:
            launched = self._captured.launch(*map(np.array, columns))
        if self._captured is None or launched is None:
            arrived, candidates, probed = self._begin_eager(items, Runs.steps(*columns), constrained)
            return lambda: self._results(items, arrived(), candidates=candidates, probed=probed)
        rows = {row: item.slot for row, item in enumerate(items) if item.candidates}
        candidates = self._candidates(items, self._captured.logits, rows, constrained) if rows else {}
        return lambda: self._results(items, launched.result(attention=attention), candidates=candidates)

    def _begin_prefill(self, items: Sequence[DecodeItem]) -> _Outcomes:
        """A constraint is for the token after the known ones. Speculative tokens were chosen under none."""
        proposed = [item.speculative_token_ids for item in items]
        runs = Runs(
            [item.slot for item in items],
            [item.position for item in items],
            [item.token_ids + item.speculative_token_ids for item in items],
            [len(each) for each in proposed],
        )
        arrived, candidates, probed = self._begin_eager(items, runs, self._constrained(items))

        def wait() -> list[DecodeResult | EngineError]:
            checked = accepted_runs(arrived(), [item.token_ids for item in items], proposed)
            return [
                outcome
                for row, (item, each) in enumerate(zip(items, checked, strict=True))
                for outcome in self._results(
                    [item],
                    each.step,
                    each.tokens,
                    each.accepted,
                    {0: candidates.get(row, ())},
                    {0: probed[row]} if row in probed else {},
                )
            ]

        return wait

    def _constrained(self, items: Sequence[DecodeItem]) -> dict[int, int]:
        """The slots of the items that have a constraint, by row."""
        held = self._biases.constrained_slots
        return {
            row: item.slot
            for row, item in enumerate(items)
            if (item.constraint is not UNCONSTRAINED or item.slot in held)  # few of them, and quickly known
            and self._biases.apply(item.slot, item.constraint)
        }

    def _begin_eager(
        self, items: Sequence[DecodeItem], runs: Runs, constrained: dict[int, int]
    ) -> tuple[Callable[[], DecodedStep], dict[int, Candidates], dict[int, float]]:
        """Also candidates and probed log-probabilities, by item. ``constrained``: slots by item."""
        fields = StepFields(
            any(item.return_source_ms for item in items), any(item.return_attention for item in items)
        )
        made = self._model.decode(runs, fields)
        rows, proposed = {row: row for row in range(len(items))}, {}
        if runs.speculative:
            places, _ = runs.logit_positions()
            rows = {row: places.index(row) for row in rows}
            proposed = runs.proposed([item.tolerances for item in items])
        asked = {row: place for row, place in rows.items() if items[row].candidates}
        candidates = self._candidates(items, made.logits, asked, constrained) if asked else {}
        probed = {
            row: float(made.logits[rows[row]].log_softmax(dim=-1)[item.probed_token])
            for row, item in enumerate(items)
            if item.probed_token is not None
        }
        biased = {rows[row]: slot for row, slot in constrained.items()}
        choice = self._greedy.of_rows(made.logits, biased, proposed)
        if self._captured is not None:
            self._captured.note_chosen(runs.slots, *following(runs, choice.token_ids))
        return DecodedStep.of(made, choice).to_host(), candidates, probed

    def _candidates(
        self,
        items: Sequence[DecodeItem],
        logits: Tensor,
        rows: Mapping[int, int],
        constrained: Mapping[int, int],
    ) -> dict[int, Candidates]:
        """The candidates of some items; waits for the device. ``rows``: by item, its row of ``logits``."""
        counts = [items[index].candidates for index in rows]
        slots = {place: constrained[index] for place, index in enumerate(rows) if index in constrained}
        chosen = logits[to_device(list(rows.values()), logits.device)]
        return dict(zip(rows, top_candidates(chosen, counts, slots, self._biases), strict=True))

    def _source_ms(self, frame: int) -> int | None:
        return None if frame == NO_FRAME else self._model.state_centre_ms(frame)

    def _results(
        self,
        items: Sequence[DecodeItem],
        step: DecodedStep,
        tokens: int = 1,
        accepted: tuple[float, ...] = (),
        candidates: Mapping[int, Candidates] = MappingProxyType({}),
        probed: Mapping[int, float] = MappingProxyType({}),
    ) -> list[DecodeResult | EngineError]:
        """Of the rows of ``step``, which is on the host. ``tokens``: how many tokens of each row count."""
        token_ids, log_probabilities = step.token_ids.tolist(), step.log_probabilities.tolist()
        results = [
            DecodeResult(item.key, token_id, log_probability, None, None, accepted)
            for item, token_id, log_probability in zip(items, token_ids, log_probabilities, strict=True)
        ]
        if step.source_frames is not None:
            made = step.source_frames[:, -1 - len(accepted) :].tolist()
            for item, result, frames in zip(items, results, made, strict=True):
                if item.return_source_ms:
                    *result_times, result.source_ms = map(self._source_ms, frames)
                    result.accepted_source_ms = tuple(result_times)
        if step.attention is not None:
            for item, result, weights in zip(items, results, step.attention.numpy(), strict=True):
                if item.return_attention:
                    states = self._model.source_states(item.slot)
                    result.attention = np.array(weights[-tokens:, :states], np.float32)
        for row, found in candidates.items():
            results[row].candidates = found
        for row, log_probability in probed.items():
            results[row].probed = log_probability
        finite = step.finite.tolist()
        if all(finite):
            return list(results)
        return [
            result if good else EngineError(NOT_FINITE) for result, good in zip(results, finite, strict=True)
        ]
