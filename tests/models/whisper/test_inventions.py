"""The guards against inventions that OpenAI published, in the engine."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from tests.models.whisper.test_whisper_in_the_engine import LIMITS, finished
from tests.whisper_checkpoints import speech, whisper_folder, whisper_oracle
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import StopReason, TextFinished, TokenDecoded
from translate_svc.engine.plan import DecodeItem, EncodeItem, SequenceKey, StepPlan
from translate_svc.engine.request import Request
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec, TextGuards
from translate_svc.engine.step_result import DecodeResult
from translate_svc.engine.text.constraints import masks_of
from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.whisper.tokenizer import WhisperTokenizer

GUARDS = TextGuards(repetition_stop=True, length_stop=True)
SAMPLES = speech(2.0, 5)


def new_runner() -> tuple[ModelRunner, WhisperTokenizer]:
    family = open_checkpoint(whisper_folder("tiny"))
    tokenizer = family.tokenizer()
    assert isinstance(tokenizer, WhisperTokenizer)
    model = family.load(LIMITS.model_limits, Placement("cpu", FLOAT32))
    return ModelRunner(
        model, LIMITS.model_limits, masks=masks_of(tokenizer, model.vocabulary_size)
    ), tokenizer


def test_the_probability_of_no_speech_is_that_of_transformers() -> None:
    runner, tokenizer = new_runner()
    rules, key = tokenizer.text_rules, SequenceKey("r", 0)
    assert rules.languages is not None
    assert rules.inventions is not None
    prompt, token = rules.languages.prompt, rules.inventions.no_speech_token
    runner.execute(StepPlan(encode=(EncodeItem("r", SAMPLES, (0,), 0),)))
    (made,) = runner.execute(StepPlan(decode=(DecodeItem(key, 0, 0, prompt, probed_token=token),))).results
    oracle = whisper_oracle("tiny")
    with torch.no_grad():
        features = oracle.features(SAMPLES)
        logits = oracle.model(input_features=features, decoder_input_ids=torch.tensor([prompt])).logits
    assert isinstance(made, DecodeResult)
    assert made.probed == pytest.approx(float(logits[0, -1].log_softmax(-1)[token]), abs=1e-4)


@pytest.mark.parametrize("num_beams", [1, 2])
@pytest.mark.parametrize(
    ("rule", "stop", "tokens"),
    [
        ({"no_speech": -1.0, "mean_log_probability": 0.0}, StopReason.LENGTH, "none"),
        ({"no_speech": -1.0, "mean_log_probability": -math.inf}, StopReason.TOKEN_LIMIT, "all"),
        ({"no_speech": 1.0, "mean_log_probability": 0.0}, StopReason.TOKEN_LIMIT, "all"),
    ],
)
def test_a_doubted_text_is_given_up_whole_or_not_at_all(
    rule: dict[str, float], stop: StopReason, tokens: str, num_beams: int
) -> None:
    runner, tokenizer = new_runner()
    rules = tokenizer.text_rules
    assert rules.inventions is not None
    lively: dict[str, Any] = {"compression_ratio": math.inf} | rule
    tokenizer.text_rules = dataclasses.replace(
        rules, inventions=dataclasses.replace(rules.inventions, **lively)
    )
    core = EngineCore(Scheduler(LIMITS, tokenizer), runner)
    guards = TextGuards(length_stop=True)
    spec = SequenceSpec("eng", source_language="spa", guards=guards, num_beams=num_beams)
    core.scheduler.add(Request("r", SAMPLES, (spec,)))
    events = finished(core, 1)
    (text,) = (each for each in events if isinstance(each, TextFinished))
    decoded = [each.text for each in events if isinstance(each, TokenDecoded)]
    assert text.stop is stop
    assert bool(decoded) == (tokens == "all")
    assert "".join(decoded) + text.tail == text.text


def test_a_text_that_compresses_too_well_is_a_loop() -> None:
    runner, tokenizer = new_runner()
    rules = tokenizer.text_rules
    assert rules.inventions is not None
    strict = dataclasses.replace(rules.inventions, compression_ratio=0.1)
    tokenizer.text_rules = dataclasses.replace(rules, inventions=strict)
    core = EngineCore(Scheduler(LIMITS, tokenizer), runner)
    core.scheduler.add(Request("r", SAMPLES, (SequenceSpec("eng", source_language="spa", guards=GUARDS),)))
    (text,) = (each for each in finished(core, 1) if isinstance(each, TextFinished))
    assert (text.stop, text.tokens) == (StopReason.REPETITION, 8)
