"""The runner on real modules: equal to transformers, whatever else is in its batch or was in its slot."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from tests.checkpoints import (
    EOS,
    LIMITS,
    MAX_NEW_TOKENS,
    Driver,
    Job,
    Translated,
    checkpoint_folder,
    new_runner,
    oracle,
    source_texts,
    utterances,
)
from tests.engine.runner_harness import (
    RunnerHarness,
    answers,
    encoded,
    healthy_answers,
    shared_runner,
    text_languages,
)
from tests.step_results import decode_results, encode_results, unit_results, vocode_results
from translate_svc.engine.plan import DecodeItem, EncodeItem, SequenceKey, StepPlan
from translate_svc.errors import InvalidArgument
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.precision import BFLOAT16, FLOAT32, INT8, Precision
from translate_svc.types import EncoderSource, Stage

ON_CPU = os.environ.get("TEST_DEVICE", "cpu") == "cpu"
LANGUAGES = {"tiny": ("eng", "spa"), "starter": ("eng", "spa", "fra", "deu")}


def jobs_of(name: str) -> list[Job]:
    """One job for every utterance, with the target languages in turns; all in slot 0."""
    return _jobs(name, utterances(name), LANGUAGES[name])


def text_jobs_of(name: str) -> list[Job]:
    """One job for every text, from English and Spanish in turns into another language; all in slot 0."""
    return _jobs(name, source_texts(name), LANGUAGES[name][::-1])


def _jobs(name: str, sources: Sequence[EncoderSource], languages: Sequence[str]) -> list[Job]:
    speakers = Checkpoint.open(checkpoint_folder(name)).speakers
    return [
        Job(source, language, speakers[language][0], slot=0)
        for source, language in zip(sources, itertools.cycle(languages), strict=False)
    ]


def assert_same(ours: Translated, theirs: Translated) -> None:
    assert ours.token_ids == theirs.token_ids
    assert ours.finished == theirs.finished
    np.testing.assert_array_equal(ours.units, theirs.units)
    assert len(ours.samples) == len(theirs.samples) == 320 * len(ours.units)
    np.testing.assert_allclose(ours.samples, theirs.samples, atol=1e-4)


def assert_alike(ours: Translated, theirs: Translated) -> None:
    """As ``assert_same``, but a unit may be another one that is as good as tied with it.

    The last bit of a sum depends on the batch's shape, and int8 rounds what it lies on the border of to
    another level: two units 0.02 apart in logits of 8 may change places.
    """
    assert ours.token_ids == theirs.token_ids
    assert ours.finished == theirs.finished
    assert len(ours.units) == len(theirs.units)
    assert np.count_nonzero(ours.units != theirs.units) <= 1
    assert len(ours.samples) == len(theirs.samples) == 320 * len(ours.units)
    if np.array_equal(ours.units, theirs.units):
        np.testing.assert_allclose(ours.samples, theirs.samples, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "jobs", "enough"),
    [
        ("tiny", jobs_of, 5),
        ("starter", jobs_of, 4),
        ("tiny", text_jobs_of, 4),
        ("starter", text_jobs_of, 4),
    ],
)
def test_one_source_gives_what_transformers_gives(
    name: str, jobs: Callable[[str], list[Job]], enough: int
) -> None:
    driver = Driver(name)
    spoken = 0
    for job in jobs(name):
        theirs = oracle(name).translate(job.source, job.language, job.speaker_id)
        (ours,) = driver.translate([job])
        assert ours.token_ids == theirs.token_ids
        assert ours.finished == theirs.finished
        if theirs.finished:
            assert_same(ours, theirs)
        spoken += len(theirs.units) > 0
    assert spoken >= enough, "too few sources whose speech can be compared"


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("tiny", FLOAT32),
        ("starter", FLOAT32),
        pytest.param(
            "starter", INT8, marks=pytest.mark.skipif(not ON_CPU, reason="int8 is computed on a CPU")
        ),
    ],
)
def test_a_result_does_not_depend_on_the_rest_of_its_batch(name: str, precision: Precision) -> None:
    """Speech and text mixed in every stage. In int8 but for ties: ``assert_alike``."""
    same = assert_alike if precision is INT8 else assert_same
    alone = Driver(name, precision=precision)
    expected = [alone.translate([job])[0] for job in (*jobs_of(name), *text_jobs_of(name))]
    rng = np.random.default_rng(3)
    together = Driver(name, precision=precision)
    for _ in range(3):
        chosen = rng.choice(len(expected), size=8, replace=False)
        slots = rng.permutation(8)
        fresh = [*jobs_of(name), *text_jobs_of(name)]
        jobs = [
            dataclasses.replace(fresh[each], slot=int(slot), start=int(rng.integers(0, 12)))
            for each, slot in zip(chosen, slots, strict=False)
        ]
        for each, ours in zip(chosen, together.translate(jobs), strict=True):
            same(ours, expected[each])


def test_a_slot_keeps_nothing_of_its_former_owner() -> None:
    jobs = jobs_of("tiny")
    used, fresh = Driver("tiny", slots=1), Driver("tiny", slots=1)
    longest = max(jobs, key=lambda job: len(job.source))
    shortest = min(jobs, key=lambda job: len(job.source))
    used.translate([longest])
    (after,) = used.translate([dataclasses.replace(shortest, token_ids=[], fed=0)])
    (alone,) = fresh.translate([dataclasses.replace(shortest, token_ids=[], fed=0)])
    assert after.token_ids == alone.token_ids
    np.testing.assert_array_equal(after.samples, alone.samples)


@pytest.mark.parametrize("sources", [utterances, source_texts])
def test_one_encoding_serves_several_targets(
    sources: Callable[[str], tuple[EncoderSource, ...]],
) -> None:
    runner, source = shared_runner(), sources("tiny")[0]
    runner.execute(StepPlan(encode=(EncodeItem("r", source, (5, 2), 0),)))
    for sequence, (language, slot) in enumerate((("eng", 5), ("spa", 2))):
        theirs = oracle("tiny").translate(source, language, 0).token_ids[:4]
        fed = [EOS, text_languages()[language], *theirs]
        predicted = []
        for position, token_id in enumerate(fed):
            item = DecodeItem(SequenceKey("r", sequence), slot, position, (token_id,))
            predicted.append(decode_results(runner.execute(StepPlan(decode=(item,))))[0].token_id)
        assert tuple(predicted[1:-1]) == theirs


def test_every_item_is_answered_once_and_every_stage_reported() -> None:
    harness = RunnerHarness()
    plan = StepPlan(
        encode=(EncodeItem("new", harness.samples[0], (6, 7), 0),),
        decode=(*harness.decode_items(6)[:2], dataclasses.replace(harness.decode_items(6)[2], position=0)),
        text_to_unit=(harness.text_to_unit_items(6)[3],),
        vocode=tuple(harness.vocode_items()),
    )
    result = harness.runner.execute(plan)
    assert [each.request_id for each in encode_results(result)] == ["new"]
    assert [each.key.request_id for each in decode_results(result)] == ["r0", "r1"]
    assert [each.key.request_id for each in unit_results(result)] == ["r3"]
    assert [each.key.request_id for each in vocode_results(result)] == ["r0", "r1", "r2", "r3"]
    assert [each.request_id for each in result.failures] == ["r2"]
    assert [(each.stage, each.batch_size) for each in result.stages] == [
        (Stage.ENCODE, 1),
        (Stage.DECODE, 3),
        (Stage.TEXT_TO_UNIT, 1),
        (Stage.VOCODE, 4),
    ]
    assert all(each.duration_ms > 0 for each in result.stages)


def test_an_empty_translation_gives_no_units() -> None:
    """transformers crashes here: a convolution larger than its input."""
    harness = RunnerHarness(fed=2)
    made = unit_results(harness.run(text_to_unit=harness.text_to_unit_items(2)))
    assert [len(each.units) for each in made] == [0, 0, 0, 0]
    assert all(each.character_durations == () for each in made)


def test_source_time_only_where_asked_and_within_the_source() -> None:
    harness = RunnerHarness()
    items = [
        dataclasses.replace(item, return_source_ms=slot % 2 == 0)
        for slot, item in enumerate(harness.decode_items(6))
    ]
    decoded = decode_results(harness.run(decode=items))
    assert [each.source_ms is None for each in decoded] == [False, True, False, True]
    for each, samples in zip(decoded, harness.samples, strict=True):
        assert each.source_ms is None or 0 <= each.source_ms <= len(samples) / 16


def test_a_text_has_no_source_times() -> None:
    harness = RunnerHarness()
    harness.run(encode=[EncodeItem("r1", source_texts("tiny")[0], (1,), 0)])
    harness.run(decode=[DecodeItem(harness.keys[1], 1, 0, (EOS,))])
    text = DecodeItem(harness.keys[1], 1, 1, (harness.tokens[1][1],), return_source_ms=True)
    speech = dataclasses.replace(harness.decode_items(6)[0], return_source_ms=True)
    decoded = decode_results(harness.run(decode=[text, speech]))
    assert [each.source_ms is None for each in decoded] == [True, False]


def test_an_encoded_text_has_a_state_a_token() -> None:
    texts = source_texts("tiny")[:2]
    items = [EncodeItem("a", texts[0], (4,), 0), EncodeItem("b", texts[1], (5,), 1)]
    assert [each.encoder_frames for each in encoded(RunnerHarness().run(encode=items))] == [
        len(each) for each in texts
    ]


def test_the_longest_text_fits_where_only_short_speech_is_taken() -> None:
    runner = new_runner("tiny", dataclasses.replace(LIMITS, max_source_samples=16_000))
    result = runner.execute(StepPlan(encode=(EncodeItem("a", (97, *(30,) * 62, 3), (0,), 0),)))
    assert [each.encoder_frames for each in encoded(result)] == [64]


def test_attention_changes_no_result() -> None:
    expected = healthy_answers(Stage.DECODE)
    asking = RunnerHarness()
    items = [dataclasses.replace(item, return_source_ms=True) for item in asking.decode_items(6)]
    assert answers(asking.run(decode=items)) == expected


def test_log_probability_is_that_of_the_softmax() -> None:
    harness = RunnerHarness(fed=2)
    model = oracle("tiny").model
    samples = harness.samples[0]
    decoded = decode_results(harness.run(decode=harness.decode_items(2)))[0]
    inputs = oracle("tiny").inputs(samples)
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=torch.tensor([harness.tokens[0][:3]])).logits[0, -1]
    best = logits.log_softmax(0).max(0)
    assert decoded.token_id == int(best.indices)
    assert decoded.log_probability == pytest.approx(float(best.values), abs=1e-4)


def test_read_only_samples_are_taken() -> None:
    """An array that numpy makes of received bytes is read-only. Tests fail on a warning of torch about it."""
    harness = RunnerHarness()
    samples = np.frombuffer(harness.samples[0].tobytes(), dtype=np.float32)
    assert not samples.flags.writeable
    (found,) = encoded(harness.run(encode=[EncodeItem("r0", samples, (0,), 0)]))
    assert found.encoder_frames == healthy_answers(Stage.ENCODE)["r0"]


def test_bfloat16_computes_every_stage() -> None:
    """How close it is to float32 depends on the weights. The test checks that it runs and stays finite."""
    driver = Driver("tiny", precision=BFLOAT16)
    sources = [*jobs_of("tiny")[:3], *text_jobs_of("tiny")[:2]]
    jobs = [dataclasses.replace(job, slot=slot) for slot, job in enumerate(sources)]
    for translated in driver.translate(jobs):
        assert translated.samples.dtype == np.float32
        assert len(translated.samples) == 320 * len(translated.units) > 0


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"max_slot_tokens": 2}, "max_slot_tokens"),
        ({"max_slot_tokens": 257}, "max_slot_tokens"),
        ({"max_source_tokens": 2}, "max_source_tokens"),
        ({"max_source_tokens": 257}, "max_source_tokens"),
    ],
)
def test_limits_that_the_checkpoint_cannot_hold_are_refused(limits: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument, match=field):
        new_runner("tiny", dataclasses.replace(LIMITS, **limits))


@pytest.mark.parametrize("layer", [3, -1])
def test_a_layer_that_the_checkpoint_lacks_is_refused(layer: int) -> None:
    with pytest.raises(InvalidArgument, match="alignment_layer"):
        new_runner("tiny", alignment_layer=layer)


def test_the_cache_ends_at_max_slot_tokens() -> None:
    driver = Driver("tiny")
    longest = max(jobs_of("tiny"), key=lambda job: len(job.source))
    (translated,) = driver.translate([longest])
    assert not translated.finished
    assert len(translated.token_ids) == MAX_NEW_TOKENS
    item = DecodeItem(SequenceKey("1-0", 0), 0, MAX_NEW_TOKENS + 2, (5,))
    result = driver.runner.execute(StepPlan(decode=(item,)))
    assert "is beyond the cache" in result.failures[0].error
