"""Requests whose texts are made again, by a model that answers at random: nobody waits for ever.

The runner checks that each item's slot holds its sequence and its tokens, and that no encoding begins beside
one that continues. What is taken is not looked at here, but in ``test_cascade`` and ``test_retries``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.events import RequestFinished, SequenceFinished
from translate_svc.engine.options import EngineLimits, StepBudgets
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    PlanItem,
    SequenceKey,
    StepPlan,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.step_result import (
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
from translate_svc.types import FRAME_SAMPLES, SAMPLES_PER_UNIT, Stage, Term

TOKENIZER = FakeTokenizer()
WORDS = list(TOKENIZER.text_ids)[:6]
END = TOKENIZER.eos_token_id
LIMITS = EngineLimits(
    max_slots=6,
    max_slot_tokens=12,
    min_source_samples=1,
    max_source_samples=6 * FRAME_SAMPLES,
    max_source_tokens=10,
    budgets=StepBudgets(encode_frames=5, text_to_unit_tokens=12, vocode_units=12),
    initial_credit_pieces=50,
)
MOST_STEPS = 2_000
"""That a handful of such requests takes: some two hundred."""


class RandomRunner:
    """Any token may follow any other, as sure or unsure as chance has it; some items fail."""

    def __init__(self, chance: random.Random, failures: float) -> None:
        self._chance = chance
        self._failures = failures
        self._slots: dict[int, tuple[SequenceKey, list[int]]] = {}  # owner and fed tokens
        self._unfinished: set[int] = set()  # jobs
        self.retries = 0
        self.readings = 0

    def execute(self, plan: StepPlan) -> StepResult:
        started = {item.job_id for item in plan.encode if not item.is_done_at_once}
        kept = self._unfinished & started
        assert not kept or kept == started, "an encoding starts beside one that continues"
        self._unfinished = set()
        results: list[StageResult] = []
        failures: list[ItemFailure] = []
        for stage in Stage:
            for item in plan.items(stage):
                if self._chance.random() < self._failures:
                    name, sequence = item.key
                    failures.append(ItemFailure(name, sequence, stage, "poisoned"))
                else:
                    results.append(self._answer(item))
        sizes = {stage: len(plan.items(stage)) for stage in Stage}
        stages = tuple(StageReport(stage, 1.0, size, 0.0) for stage, size in sizes.items() if size)
        return StepResult(tuple(results), tuple(failures), stages)

    def _answer(self, item: PlanItem) -> StageResult:
        if isinstance(item, EncodeItem):
            return self._encode(item)
        if isinstance(item, DecodeItem):
            return self._decode(item)
        if isinstance(item, TextToUnitItem):
            owner, fed = self._slots[item.slot]
            assert owner == item.key, "a slot holds another sequence"
            assert tuple(fed[: len(item.token_ids)]) == item.token_ids, "speech is made of what was fed"
            return TextToUnitResult(item.key, np.arange(9), (9,), (9,))
        assert isinstance(item, VocodeItem), "nothing here has beams"
        samples = (item.end_unit - item.start_unit) * SAMPLES_PER_UNIT
        return VocodeResult(item.key, np.zeros(samples, np.float32))

    def _encode(self, item: EncodeItem) -> EncodeResult | EncodeUnfinished:
        if not item.is_done_at_once and self._chance.random() < 0.3:
            self._unfinished.add(item.job_id)
            return EncodeUnfinished(item.request_id)
        self.retries += item.speed != 1
        self.readings += item.is_done_at_once
        for sequence, slot in zip(item.sequences or range(len(item.slots)), item.slots, strict=True):
            self._slots[slot] = SequenceKey(item.request_id, sequence), []
        return EncodeResult(item.request_id, 4)

    def _decode(self, item: DecodeItem) -> DecodeResult:
        chance = self._chance
        owner, fed = self._slots[item.slot]
        assert owner == item.key, "a slot holds another sequence"
        assert item.position <= len(fed), "tokens are fed in order"
        proposed = item.speculative_token_ids
        count = len(proposed) if item.is_given else chance.randint(0, len(proposed))
        fed[item.position :] = (*item.token_ids, *proposed[:count])
        assert len(fed) <= LIMITS.max_slot_tokens, "a slot has room for what is fed"
        frames = np.full((len(item.token_ids), 4), 0.25, np.float32)
        attention = frames if item.return_attention else None
        token = END if chance.random() < 0.25 else chance.choice(WORDS)
        return DecodeResult(
            item.key,
            token,
            self._score(),
            attention=attention,
            accepted=tuple(self._score() for _ in range(count)),
        )

    def _score(self) -> float:
        return -0.01 if self._chance.random() < 0.8 else -self._chance.random() * 3


def request(chance: random.Random, name: str) -> Request:
    samples = np.zeros(chance.randint(1, 6) * FRAME_SAMPLES - chance.randint(0, 100), np.float32)
    weight, retries = chance.choice([0.0, 0.3]), chance.choice([0, 1, 2])
    specs = [
        SequenceSpec(code, speech=chance.random() < 0.3, cascade_weight=weight)
        for code in chance.sample(["spa", "fra", "eng"], chance.randint(0, 2))
    ]
    specs.append(SequenceSpec("eng", retries=retries, hidden=bool(specs) and chance.random() < 0.5))
    terms = (Term("one", "tres", ""),) * (chance.random() < 0.3)
    caller = chance.choice("aaab")
    return Request(name, samples, tuple(specs), caller=caller, terms=terms, transcript=len(specs) - 1)


@pytest.mark.parametrize("failures", [0.0, 0.03])
@pytest.mark.parametrize("seeds", [range(100), range(100, 200)], ids=str)
def test_all_requests_end_once_and_all_slots_are_free(seeds: range, failures: float) -> None:
    looks = Counter[str]()
    for seed in seeds:
        chance = random.Random(seed)
        scheduler, runner = Scheduler(LIMITS, TOKENIZER), RandomRunner(chance, failures)
        left = [request(chance, f"r{number}") for number in range(12)]
        sizes = {each.request_id: len(each.sequences) for each in left}
        ended, aborted = Counter[SequenceKey | str](), set[str]()
        for step in range(MOST_STEPS):
            while left and chance.random() < 0.3:
                scheduler.add(left.pop())
            plan = scheduler.schedule()
            assert bool(plan) or not scheduler.has_work, (seed, step)
            if not plan and not left:
                break
            result = runner.execute(plan) if plan else None
            if chance.random() < 0.02:
                gone = f"r{chance.randrange(12)}"
                aborted |= {gone} - {each.request_id for each in left}
                scheduler.abort(gone)
            for event in scheduler.update(plan, result) if result is not None else ():
                assert not ended[event.request_id], (seed, "nothing follows the end")
                if isinstance(event, SequenceFinished):
                    ended[SequenceKey(event.request_id, event.sequence)] += 1
                elif isinstance(event, RequestFinished):
                    ended[event.request_id] += 1
            held = Counter(key.request_id for key in scheduler.slot_owners.values())
            assert all(count <= sizes[name] for name, count in held.items()), (seed, step)
        assert not scheduler.has_work, seed
        assert not scheduler.slot_owners, seed
        assert scheduler.live_requests == 0
        for name in sizes.keys() - aborted:
            assert [ended[name], *(ended[SequenceKey(name, n)] for n in range(sizes[name]))] == [1] * (
                sizes[name] + 1
            ), (seed, name)
        looks += Counter(retries=runner.retries, readings=runner.readings)
    assert min(looks["retries"], looks["readings"]) > 20, looks


class UnsureRunner(RandomRunner):
    """Each first text is unsure and has the length that is wanted; that of a retry is sure."""

    def __init__(self, lengths: Mapping[str, int]) -> None:
        super().__init__(random.Random(0), 0.0)
        self._lengths = lengths
        self.heard_again: list[str] = []

    def _encode(self, item: EncodeItem) -> EncodeResult | EncodeUnfinished:
        if item.speed != 1:
            self.heard_again.append(item.request_id)
        return EncodeResult(item.request_id, 4)

    def _decode(self, item: DecodeItem) -> DecodeResult:
        name, _ = item.key
        count = len(item.speculative_token_ids)
        fed = item.position + len(item.token_ids) + count
        score = -0.01 if name in self.heard_again else -2.0
        token = END if fed >= self._lengths[name] else WORDS[fed % len(WORDS)]
        return DecodeResult(item.key, token, score, accepted=(score,) * count)


@pytest.mark.parametrize("a_step", [1, 2])
def test_callers_take_turns_to_be_heard_again(a_step: int) -> None:
    """A request is admitted in each step, and later ones have shorter texts, so all ask in the same step."""
    runner = UnsureRunner({"a0": 8, "a1": 7, "a2": 6, "b": 5})
    limits = replace(LIMITS, budgets=replace(LIMITS.budgets, encode_frames=5 * a_step))
    scheduler = Scheduler(limits, TOKENIZER)
    samples = np.zeros(5 * FRAME_SAMPLES, np.float32)
    left = ["b", "a2", "a1", "a0"]
    while left or scheduler.has_work:
        if left:
            name, specs = left.pop(), (SequenceSpec("eng", retries=1),)
            scheduler.add(Request(name, samples, specs, caller=name[0], transcript=0))
        plan = scheduler.schedule()
        scheduler.update(plan, runner.execute(plan))
    assert runner.heard_again == ["a0", "b", "a1", "a2"]
