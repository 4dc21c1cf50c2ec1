"""A second family of models runs in the same engine: found by the registry, known by the protocol alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.engine.expected_events import LANGUAGES, RequestScript
from tests.engine.scheduling.scheduler_harness import SchedulerHarness
from tests.engine.scheduling.test_scheduler_properties import SchedulerMachine
from tests.fakes.fake_runner import FakeTranslation
from tests.fakes.toy_family import POSITIONS, ToyFamily, ToyModel, ToyTokenizer, uncached, write_checkpoint
from translate_svc.engine.constraint import Constraint
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import FinishStatus, RequestFinished, TextScored, TokenDecoded
from translate_svc.engine.options import EngineLimits, StepBudgets
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    SequenceKey,
    StepPlan,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.step_result import DecodeResult
from translate_svc.errors import CheckpointError, InvalidArgument
from translate_svc.models.decoded_step import NO_OPTIONAL_FIELDS
from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.runs import Runs
from translate_svc.models.slices import finish
from translate_svc.models.speech_model import SpeechModel
from translate_svc.types import FRAME_SAMPLES, EncoderSource

CPU = Placement("cpu", FLOAT32)
LIMITS = EngineLimits(max_slots=4, max_slot_tokens=20, max_source_samples=16_000, max_source_tokens=32)
TOKENIZER = ToyTokenizer()
SPEECH = [np.full(frames * FRAME_SAMPLES, level, np.float32) for frames, level in ((3, 0.1), (9, 0.7))]


def load(folder: Path, limits: EngineLimits = LIMITS) -> SpeechModel:
    return open_checkpoint(write_checkpoint(folder)).load(limits.model_limits, CPU)


@pytest.fixture
def runner(tmp_path: Path) -> ModelRunner:
    masks = {"some": TOKENIZER.text_ids[::2]}
    return ModelRunner(load(tmp_path / "toy"), LIMITS.model_limits, masks=masks)


class ToyHarness(SchedulerHarness):
    """A scheduler with a toy. The scripts say what the toy writes, computed one text at a time."""

    def __init__(self, limits: EngineLimits) -> None:
        super().__init__(limits, TOKENIZER, ModelRunner(load_in_memory(limits), limits.model_limits))

    def submit(self, script: RequestScript, request_id: str | None = None, caller: str = "") -> str:
        source = self.source_of(script)
        language = source.language if isinstance(source, SourceText) else None
        fed: EncoderSource = (
            TOKENIZER.source_tokens(source.text, source.language)
            if isinstance(source, SourceText)
            else source
        )
        texts = [
            uncached(fed, TOKENIZER.prompt(LANGUAGES[index], language), self.limits.max_slot_tokens)
            for index in range(len(script.sequences))
        ]
        sequences = tuple((False, FakeTranslation(text, units=0)) for text in texts)
        return super().submit(RequestScript(script.frames, sequences, script.is_text), request_id, caller)


def load_in_memory(limits: EngineLimits) -> ToyModel:
    return ToyFamily(Path("toy")).load(limits.model_limits, CPU)


class ToyMachine(SchedulerMachine):
    """The scheduler's random suite, with the arithmetic of a toy."""

    @initialize(slots=st.integers(3, 5), tokens=st.integers(5, 12), frames=st.integers(1, 8))
    def start(self, slots: int, tokens: int, frames: int) -> None:
        self.harness = ToyHarness(
            EngineLimits(
                max_slots=slots,
                max_slot_tokens=tokens,
                min_source_samples=1,
                max_source_samples=16_000,
                max_source_tokens=32,
                budgets=StepBudgets(encode_frames=frames),
            )
        )


TestToyScheduler = ToyMachine.TestCase
TestToyScheduler.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def expected(source: EncoderSource, target: str, language: str | None = None) -> tuple[int, ...]:
    prompt = TOKENIZER.prompt(target, language)
    return uncached(source, prompt, LIMITS.max_slot_tokens - len(prompt))


def test_speech_and_text_from_submission_to_the_last_token(runner: ModelRunner) -> None:
    core = EngineCore(Scheduler(LIMITS, TOKENIZER), runner)
    text = SourceText("12 13", "spa")
    targets = (SequenceSpec("eng"), SequenceSpec("spa"))
    for name, source in (("short", SPEECH[0]), ("long", SPEECH[1]), ("text", text)):
        core.scheduler.add(Request(name, source, targets, source_times=True))
    events = []
    while core.scheduler.has_work:
        events += core.step()
    written: dict[tuple[str, int], list[int]] = {}
    for event in events:
        if isinstance(event, TokenDecoded):
            written.setdefault((event.request_id, event.sequence), []).append(event.token_id)
            assert event.source_ms is None, "the toy has no attention over the source"
    fed = TOKENIZER.source_tokens(text.text, text.language)
    for index, spec in enumerate(targets):
        assert tuple(written["short", index]) == expected(SPEECH[0], spec.language)
        assert tuple(written["long", index]) == expected(SPEECH[1], spec.language)
        assert tuple(written["text", index]) == expected(fed, spec.language, "spa")
    assert len(set(map(tuple, written.values()))) > 2, "one text for all would prove nothing"
    assert not any(isinstance(each, RequestFinished) and each.error for each in events)


def test_a_given_text_is_scored(runner: ModelRunner) -> None:
    core = EngineCore(Scheduler(LIMITS, TOKENIZER), runner)
    given = tuple(TOKENIZER.text_ids[:3])
    core.scheduler.add(Request("r", SPEECH[0], (SequenceSpec("eng", given_token_ids=given),)))
    events = []
    while core.scheduler.has_work:
        events += core.step()
    (scored,) = [each for each in events if isinstance(each, TextScored)]
    assert len(scored.log_probabilities) == len(given) + 1
    assert all(each < 0 for each in scored.log_probabilities)


def test_a_constraint_holds_for_any_family(runner: ModelRunner) -> None:
    key, prompt = SequenceKey("r", 0), TOKENIZER.prompt("eng")
    runner.execute(StepPlan(encode=(EncodeItem("r", SPEECH[1], (0,), 1),)))
    first = expected(SPEECH[1], "eng")[0]
    mask = "some" if first in TOKENIZER.text_ids[::2] else ""
    constraint = Constraint(masks=(mask,) if mask else (), biases=((first, -1e6),))
    result = runner.execute(StepPlan(decode=(DecodeItem(key, 0, 0, prompt, constraint=constraint),)))
    (decoded,) = result.results
    assert isinstance(decoded, DecodeResult)
    assert decoded.token_id != first
    unknown = DecodeItem(key, 0, len(prompt), (first,), constraint=Constraint(masks=("nothing",)))
    (failure,) = runner.execute(StepPlan(decode=(unknown,))).failures
    assert failure.error == "masks ('nothing',) do not all exist"


def test_stages_that_a_family_does_not_have_fail_their_items_alone(runner: ModelRunner) -> None:
    key, prompt = SequenceKey("r", 0), TOKENIZER.prompt("eng")
    runner.execute(StepPlan(encode=(EncodeItem("r", SPEECH[0], (0,), 1),)))
    items = (
        DecodeItem(key, 0, 0, prompt),
        TextToUnitItem(SequenceKey("s", 0), 1, prompt, "eng", 1.0),
        VocodeItem(SequenceKey("s", 1), np.zeros(4, np.int64), 0, 4, "eng", 0),
    )
    result = runner.execute(StepPlan.of(items))
    assert [each.error for each in result.failures] == ["the model makes no speech"] * 2
    assert len(result.results) == 1


def test_forked_and_reordered_rows(tmp_path: Path) -> None:
    model, prompt = load(tmp_path / "toy"), TOKENIZER.prompt("eng")
    (_,) = finish(model.encode([SPEECH[1]], [[0]]))
    model.decode(Runs([0], [0], [prompt]), NO_OPTIONAL_FIELDS)
    model.fork(0, [2, 3])
    one, two = TOKENIZER.text_ids[:2]
    alone = model.decode(Runs.steps([0, 2], [4, 4], [one, two]), NO_OPTIONAL_FIELDS).logits
    model.reorder([0, 2, 3], [2, 0, 2], 5)
    after = model.decode(Runs.steps([0, 2, 3], [5, 5, 5], [one] * 3), NO_OPTIONAL_FIELDS).logits
    assert torch.equal(after[0], after[2])
    assert not torch.equal(after[0], after[1])
    model.reorder([0, 2], [2, 0], 4)
    again = model.decode(Runs.steps([0, 2], [4, 4], [one, two]), NO_OPTIONAL_FIELDS).logits
    assert torch.equal(again, alone), "the prompt is the same in all"


@pytest.mark.parametrize("architectures", [["Wav2Vec2ForCTC"], [], None, "Toy"])
def test_an_architecture_of_no_family_is_named(tmp_path: Path, architectures: object) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": architectures}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json: architectures is .* none of Seamless"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("tokens", [4, POSITIONS + 1])
def test_a_limit_that_the_prompt_or_the_positions_exceed_is_refused(tmp_path: Path, tokens: int) -> None:
    limits = EngineLimits(max_slot_tokens=tokens, max_source_tokens=32)
    with pytest.raises(InvalidArgument, match=r"must lie in \[5, 64\]"):
        load(tmp_path, limits)


def test_a_text_longer_than_its_slot_is_truncated_after_a_prompt_of_any_length() -> None:
    limits = EngineLimits(max_slots=1, max_slot_tokens=5, max_source_tokens=32, max_source_samples=16_000)
    harness = ToyHarness(limits)
    names = [harness.submit(RequestScript(9, ((False, FakeTranslation((), 0)),))) for _ in range(6)]
    harness.run(100)
    for name in names:
        harness.check_result(name)
    last = [harness.events[name][-1] for name in names]
    assert FinishStatus.TRUNCATED in {each.status for each in last if isinstance(each, RequestFinished)}
