"""The self-test: equal on sound weights of any layout, and a broken weight is told by its stage."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.checkpoints import checkpoint_folder, source_texts, tones, utterances
from tests.whisper_checkpoints import some_speech, whisper_folder
from translate_svc.models.placement import Placement
from translate_svc.models.precision import BFLOAT16, FLOAT32
from translate_svc.models.reference import ReferenceTranslation
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.selftest.comparison import Case, Comparison, compare, expectations, new_model
from translate_svc.models.selftest.tolerance import Tolerance, tolerance

PLACEMENT = Placement("cpu", FLOAT32)
EXACT = tolerance(PLACEMENT)


@functools.cache
def cases() -> tuple[Case, ...]:
    """Of the starter: speech and text, with either voice."""
    return (
        Case("speech", utterances("starter")[0], "spa", 1),
        Case("speech", utterances("starter")[1], "eng", 0),
        Case("text", source_texts("starter")[0], "deu", 1),
        Case("text alone", source_texts("starter")[0], "fra", None),
    )


@functools.cache
def expected() -> list[ReferenceTranslation]:
    return expectations(open_checkpoint(checkpoint_folder("starter")), cases(), PLACEMENT)


def compare_all(
    damage: Callable[[Any], None] = lambda model: None, allowed: Tolerance = EXACT
) -> list[Comparison]:
    """``damage`` is done to ours after its weights are loaded."""
    checkpoint = open_checkpoint(checkpoint_folder("starter"))
    model = new_model(checkpoint, cases(), PLACEMENT)
    damage(model)
    return [
        compare(checkpoint, model, case, wanted, allowed)
        for case, wanted in zip(cases(), expected(), strict=True)
    ]


def test_sound_weights_are_equal_stage_by_stage() -> None:
    speech, _, text, text_alone = found = compare_all()
    assert [each.difference for each in found] == [""] * 4
    assert all(each.finished and each.steps == len(each.token_ids) + 1 for each in found)
    assert speech.units > 50
    assert speech.samples == 320 * speech.units
    assert 0 < speech.waveform_difference < 1e-5
    assert 0 < speech.log_probability_difference < 1e-4
    assert list(speech.stage_ms) == ["encode", "decode", "text_to_unit", "vocode"]
    assert text.samples > 0
    assert (text_alone.units, text_alone.samples) == (0, 0)
    assert all(each.reference_ms > 0 for each in found)


def test_tokens_that_a_rule_forbids_may_be_the_likeliest() -> None:
    """Whisper's rules forbid a third of this checkpoint's tokens, at times all of the five likeliest."""
    checkpoint = open_checkpoint(whisper_folder("tiny"))
    some = [Case(f"{index}", each, "eng", None, "spa") for index, each in enumerate(some_speech(4))]
    model = new_model(checkpoint, some, PLACEMENT)
    found = [
        compare(checkpoint, model, case, wanted, EXACT)
        for case, wanted in zip(some, expectations(checkpoint, some, PLACEMENT), strict=True)
    ]
    assert [each.difference for each in found] == [""] * 4
    assert all(each.steps for each in found)


@pytest.mark.parametrize("layout", [pytest.param("tiny", marks=pytest.mark.slow), "published"])
def test_a_checkpoint_of_random_weights_is_equal_too(layout: str) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(layout))
    some = [
        Case(f"{index}", tones()[index], language, speaker)
        for index in range(6)
        for language, speaker in (("eng", 3), ("fra", None))
    ]
    some.append(Case("text", source_texts(layout)[0], "spa", 5))
    model = new_model(checkpoint, some, PLACEMENT)
    found = [
        compare(checkpoint, model, case, wanted, EXACT)
        for case, wanted in zip(some, expectations(checkpoint, some, PLACEMENT), strict=True)
    ]
    assert {each.difference for each in found} == {""}
    assert sum(each.samples > 0 for each in found) >= 3
    assert sum(each.steps for each in found) > 60


def _scale(*path: str) -> Callable[[Any], None]:
    """Makes one weight of ours a fifth larger."""

    def damage(model: Any) -> None:
        owner = functools.reduce(getattr, path, model)
        with torch.no_grad():
            owner.weight.mul_(1.2)

    return damage


def _roll_units(model: Any) -> None:
    """Every unit's embedding is its neighbour's: durations stay, units do not."""
    scores = model.speech.t2u.unit_scores
    model.speech.t2u.unit_scores = lambda states: scores(states).roll(1, dims=-1)


@pytest.mark.parametrize(
    ("damage", "said", "concerned"),
    [
        (_scale("encoder", "_speech_encoder", "inner_layer_norm"), "text decoder: token", 2),
        (_scale("encoder", "_text_encoder", "layer_norm"), "text decoder: token", 2),
        (_scale("decoder", "layer_norm"), "text decoder: token", 4),
        (_roll_units, "text-to-unit: unit", 3),
        (_scale("speech", "t2u", "model", "decoder", "duration_predictor", "proj"), "text-to-unit: ", 3),
        (_scale("speech", "vocoder", "hifi_gan", "conv_post"), "vocoder: sample", 3),
    ],
)
def test_a_broken_weight_is_told_by_its_stage(
    damage: Callable[[Any], None], said: str, concerned: int
) -> None:
    differences = [each.difference for each in compare_all(damage) if each.difference]
    assert len(differences) == concerned
    assert all(said in each for each in differences), differences


def test_a_weight_that_is_no_number_is_told() -> None:
    def poison(model: Any) -> None:
        model.speech.vocoder.hifi_gan.conv_post.weight.fill_(torch.nan)

    assert {each.difference for each in compare_all(poison)} == {"the result is not finite", ""}


def test_a_near_tie_is_counted_and_not_a_difference() -> None:
    """As if transformers had chosen the second best token, by a hair."""
    checkpoint = open_checkpoint(checkpoint_folder("starter"))
    case, whole = cases()[3], expected()[3]
    first, second = list(whole.candidates[0].items())[:2]
    swapped = {second[0]: first[1] + 5e-4, first[0]: first[1]}
    wanted = replace(
        whole,
        token_ids=(second[0],),
        finished=False,
        candidates=(swapped,),
        units=np.empty(0, np.int64),
    )
    found = compare(checkpoint, new_model(checkpoint, [case], PLACEMENT), case, wanted, EXACT)
    assert (found.difference, found.ties, found.steps) == ("", 1, 1)
    strict = compare(
        checkpoint, new_model(checkpoint, [case], PLACEMENT), case, wanted, Tolerance(1e-4, 1.0, 1e-4)
    )
    assert strict.difference.startswith(f"text decoder: token 1 is {first[0]}, transformers has {second[0]}")


def test_bfloat16_is_equal_within_its_tolerance() -> None:
    placement = Placement("cpu", BFLOAT16)
    checkpoint = open_checkpoint(checkpoint_folder("starter"))
    wanted = expectations(checkpoint, cases()[:2], placement)
    model = new_model(checkpoint, cases()[:2], placement)
    for case, each in zip(cases()[:2], wanted, strict=True):
        found = compare(checkpoint, model, case, each, tolerance(placement))
        assert found.difference == ""
        assert found.samples > 0


def test_less_is_allowed_the_more_exact_the_arithmetic() -> None:
    coarse = tolerance(Placement("cuda", BFLOAT16))
    fine = tolerance(Placement("cuda", FLOAT32))
    assert coarse.log_probability > fine.log_probability > EXACT.log_probability
    assert EXACT.unit_similarity == 1
    assert EXACT.waveform == 1e-4


def test_the_published_layout_is_sharded() -> None:
    assert len(list(Path(checkpoint_folder("published")).glob("model-*.safetensors"))) == 2
