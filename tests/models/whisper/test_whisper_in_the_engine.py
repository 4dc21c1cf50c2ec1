"""Whisper's checkpoints through the engine give transformers' tokens, alone and among mates."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tests.whisper_checkpoints import MOST_TOKENS, Asked, some_speech, whisper_folder, whisper_oracle
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import (
    EngineEvent,
    LanguageDetected,
    LanguageHeard,
    RequestFinished,
    TokenDecoded,
)
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.request import Request
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import HEARD, SequenceSpec
from translate_svc.engine.text.constraints import masks_of
from translate_svc.heard_language import LanguageQuestion
from translate_svc.models.decoded_step import NO_OPTIONAL_FIELDS
from translate_svc.models.placement import Placement
from translate_svc.models.precision import BFLOAT16, FLOAT32, INT8, Precision
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.runs import Runs
from translate_svc.models.slices import finish
from translate_svc.models.whisper.generation import language_code
from translate_svc.models.whisper.window import Window, write_window

CODES = {"en": "eng", "es": "spa", "yue": "yue", "haw": "haw"}
LIMITS = EngineLimits(max_slots=16, max_slot_tokens=MOST_TOKENS + 4, max_source_samples=48_000)


def new_core(name: str, precision: Precision = FLOAT32, folder: Path | None = None) -> EngineCore:
    family = open_checkpoint(folder or whisper_folder(name))
    tokenizer = family.tokenizer()
    runner = ModelRunner(
        family.load(LIMITS.model_limits, Placement("cpu", precision)),
        LIMITS.model_limits,
        masks=masks_of(tokenizer, family.vocabulary_size),
        suppressed=tokenizer.text_rules.suppressed,
    )
    told = family.language_detection.languages
    return EngineCore(Scheduler(LIMITS, tokenizer, detected_languages=told), runner)


def texts(core: EngineCore, asked: Sequence[Asked], num_beams: int = 1) -> list[tuple[int, ...]]:
    """The tokens of each, all submitted at once."""
    for index, each in enumerate(asked):
        target = "eng" if each.task == "translate" else CODES[each.source]
        spec = SequenceSpec(
            target, source_language=CODES[each.source], timestamps=each.timestamps, num_beams=num_beams
        )
        core.scheduler.add(Request(str(index), each.samples, (spec,)))
    return tokens_of(finished(core, len(asked)))


def finished(core: EngineCore, requests: int) -> list[EngineEvent]:
    """All events until so many requests have ended, none of which fails."""
    events: list[EngineEvent] = []
    while sum(isinstance(each, RequestFinished) for each in events) < requests:
        events += core.step()
    assert not any(each.error for each in events if isinstance(each, RequestFinished))
    return events


def tokens_of(events: Sequence[EngineEvent]) -> list[tuple[int, ...]]:
    """By request, in the order of their ids."""
    made: dict[str, list[int]] = {each.request_id: [] for each in events if isinstance(each, RequestFinished)}
    for each in events:
        if isinstance(each, TokenDecoded):
            made[each.request_id].append(each.token_id)
    return [tuple(made[request_id]) for request_id in sorted(made)]


def questions(count: int) -> list[Asked]:
    kinds = [
        ("es", "translate", False),
        ("en", "transcribe", True),
        ("yue", "transcribe", False),
        ("es", "translate", True),
    ]
    return [Asked(samples, *kinds[index % len(kinds)]) for index, samples in enumerate(some_speech(count))]


@pytest.mark.parametrize("name", ["tiny", "small", "large-v3", "turbo"])
def test_it_writes_the_tokens_of_transformers_alone_and_among_mates(name: str) -> None:
    asked = [each for each in questions(8) if name in ("large-v3", "turbo") or each.source != "yue"]
    expected = [whisper_oracle(name).tokens(each) for each in asked]
    core = new_core(name)
    assert [texts(core, [each])[0] for each in asked] == expected
    assert texts(core, asked) == expected
    assert len(set(expected)) > len(expected) // 2  # the checkpoint hears something


def test_beam_search_is_that_of_transformers() -> None:
    asked = questions(4)
    asked = [each for each in asked if each.source != "yue"]
    expected = [whisper_oracle("tiny").tokens(each, num_beams=5) for each in asked]
    assert texts(new_core("tiny"), asked, num_beams=5) == expected


def test_the_language_that_nobody_named_is_that_of_transformers() -> None:
    oracle, samples = whisper_oracle("small"), some_speech(4)
    by_id = {id_: token for token, id_ in oracle.model.generation_config.lang_to_id.items()}
    heard = [by_id[int(oracle.model.detect_language(oracle.features(each))[0])] for each in samples]
    core = new_core("small")
    for index, each in enumerate(samples):
        core.scheduler.add(Request(str(index), each, (SequenceSpec("eng"),)))
    events = finished(core, len(samples))
    told = {each.request_id: each.language for each in events if isinstance(each, LanguageDetected)}
    tags = [token.strip("<|>") for token in heard]
    assert [told[str(index)] for index in range(len(samples))] == [language_code(tag) for tag in tags]
    asked = [
        Asked(each, tag, "transcribe" if tag == "en" else "translate")
        for each, tag in zip(samples, tags, strict=True)
    ]
    assert tokens_of(events) == [oracle.tokens(each) for each in asked]


@torch.inference_mode()
def test_how_probable_each_language_is_by_the_probabilities_of_transformers() -> None:
    oracle, samples = whisper_oracle("small"), some_speech(3)
    model = open_checkpoint(whisper_folder("small")).load(LIMITS.model_limits, Placement("cpu", FLOAT32))
    finish(model.encode(samples, [[0], [1], [2]]))
    ids = oracle.model.generation_config.lang_to_id
    assert model.detected_languages == tuple(language_code(token.strip("<|>")) for token in ids)
    start = torch.tensor([[oracle.model.generation_config.decoder_start_token_id]])
    for slot, each in enumerate(samples):
        logits = oracle.model(oracle.features(each), decoder_input_ids=start).logits[0, -1]
        expected = torch.log_softmax(logits[list(ids.values())], dim=0)
        *told, other = model.language_log_probabilities(slot)
        assert torch.allclose(torch.tensor(told), expected, atol=1e-4)
        assert other == -math.inf


@pytest.mark.parametrize("names", [None, ("spa", "eng")])
def test_a_transcript_is_in_the_language_that_is_heard(names: tuple[str, ...] | None) -> None:
    """And its tokens are those of transformers, which was told the language."""
    oracle, samples = whisper_oracle("small"), some_speech(4)
    family = open_checkpoint(whisper_folder("small"))
    candidates = names or family.language_detection.languages
    core = new_core("small")
    for index, each in enumerate(samples):
        question = LanguageQuestion(dict.fromkeys(candidates, 1 / len(candidates)), assumed=candidates[0])
        specs = SequenceSpec("eng"), SequenceSpec(HEARD)
        core.scheduler.add(Request(str(index), each, specs, question=question))
    events = finished(core, len(samples))
    told = {each.request_id: each.heard.language for each in events if isinstance(each, LanguageHeard)}
    assert set(told.values()) <= set(candidates)
    for index, each in enumerate(samples):
        heard = told[str(index)]
        assert heard is not None
        translated = Asked(each, heard, "transcribe" if heard == "eng" else "translate")
        expected = [oracle.tokens(translated), oracle.tokens(Asked(each, heard, "transcribe"))]
        of_request = [event for event in events if event.request_id == str(index)]
        for place, tokens in enumerate(expected):
            made = [each for each in of_request if isinstance(each, TokenDecoded) and each.sequence == place]
            assert tuple(each.token_id for each in made) == tokens


@torch.inference_mode()
def first_logits(precision: Precision) -> torch.Tensor:
    family = open_checkpoint(whisper_folder("tiny"))
    model = family.load(LIMITS.model_limits, Placement("cpu", precision))
    finish(model.encode([some_speech(3)[1]], [[0]]))
    prompt = family.tokenizer().prompt("eng", "spa")
    return model.decode(Runs([0], [0], [prompt]), NO_OPTIONAL_FIELDS).logits[0]


def test_other_precisions_compute_nearly_the_same() -> None:
    exact = first_logits(FLOAT32)
    assert torch.cosine_similarity(exact, first_logits(BFLOAT16), dim=0) > 0.999
    assert torch.cosine_similarity(exact, first_logits(INT8), dim=0) > 0.98
    asked = questions(2)
    assert texts(new_core("tiny", INT8), asked)[:1] == texts(new_core("tiny", INT8), asked[:1])


def test_a_calibrated_window_is_shorter_and_attends_to_its_own_end(tmp_path: Path) -> None:
    folder = shutil.copytree(whisper_folder("tiny"), tmp_path / "short")
    write_window(folder, Window(silence_ms=500))
    asked = questions(8)[:2]
    short = texts(new_core("tiny", folder=folder), asked)
    assert short == [texts(new_core("tiny", folder=folder), [each])[0] for each in asked]
    assert short != texts(new_core("tiny"), asked)  # random weights hear the silence
