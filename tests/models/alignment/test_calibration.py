"""Calibration finds a head that follows the source among heads that do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.checkpoints import checkpoint_folder, oracle, utterances
from translate_svc.models.alignment.alignment_file import AttentionRow, PolicyName
from translate_svc.models.alignment.beginnings import STEP_SAMPLES, Beginning, Observer, common_start
from translate_svc.models.alignment.calibration import SURVIVAL, calibrate
from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS

TOKENS, FRAMES = 12, 24
FOLLOWING = (1, 2)


def beginning(
    rng: np.random.Generator, *, follows: bool = True, row: AttentionRow = AttentionRow.PREDICTING
) -> Beginning:
    """A hypothesis whose tokens come from every second frame; those that come from the last four are wrong.

    Head ``FOLLOWING`` of 2 layers with 4 heads says so, in the rows of one kind; all else is noise.
    """
    frames = int(rng.integers(8, FRAMES))
    count = frames // 2
    places = np.arange(count) * 2
    attention = rng.random((2, 4, PROMPT_TOKENS + count, frames)).astype(np.float32)
    if follows:
        first = PROMPT_TOKENS - (row is AttentionRow.PREDICTING)
        attention[FOLLOWING][first + np.arange(count), places] += 20.0
    survives = places < frames - 4
    return Beginning(
        tuple(range(count)), survives, np.ones(count, np.bool_), attention, np.ones(count, np.float32)
    )


@pytest.mark.parametrize("row", AttentionRow)
def test_the_head_and_the_row_that_follow_are_found(row: AttentionRow) -> None:
    rng = np.random.default_rng(0)
    reports: list[None] = []
    found = calibrate([[beginning(rng, row=row)] for _ in range(60)], lambda: reports.append(None))
    assert found.heads == (FOLLOWING,)
    assert found.attention_row is row
    assert found.policy is PolicyName.ALIGN_ATT_AGREEMENT
    assert found.cutoff_frames in (3, 4)
    assert found.figures["committed"] == 1
    assert found.figures["survival"] >= SURVIVAL
    assert len(reports) == 2


def test_how_probable_a_token_must_be_is_found() -> None:
    """Those of 0.6 are wrong half of the time, whether two hypotheses agree or not; those of 0.9 never."""
    rng = np.random.default_rng(3)
    hypotheses = []
    for number in range(600):
        each = beginning(rng)
        count = len(each.token_ids)
        probability = np.where(rng.random(count) < 0.1, 0.6, 0.9)
        right = each.survives & ((probability > 0.6) | (rng.random(count) < 0.5))
        survives, agrees = np.logical_and.accumulate(right), np.full(count, number % 2 == 0)
        hypotheses.append([replace(each, survives=survives, agrees=agrees, probabilities=probability)])
    found = calibrate(hypotheses)
    assert (found.sure_probability, found.unsure_probability) == (0.7, 0.85)
    certain = calibrate([[beginning(rng)] for _ in range(60)])
    assert (certain.sure_probability, certain.unsure_probability) == (None, None)


def test_where_no_head_follows_agreement_decides() -> None:
    rng = np.random.default_rng(1)
    found = calibrate([[beginning(rng, follows=False)] for _ in range(200)])
    assert found.heads == ()
    assert found.policy is PolicyName.AGREEMENT


def test_an_error_that_every_hypothesis_repeats_counts_once() -> None:
    """Thirty hypotheses of one clip commit the same wrong token, whatever the patience."""
    rng = np.random.default_rng(2)
    hypotheses = [[beginning(rng)] for _ in range(60)]
    stubborn = beginning(rng)
    stubborn.attention[FOLLOWING] = 0.0
    stubborn.attention[FOLLOWING][:, 0] = 1.0
    found = calibrate([*hypotheses, [stubborn] * 30])
    assert found.figures["survival"] >= SURVIVAL
    assert found.cutoff_frames in (3, 4)


@pytest.mark.parametrize("survives", [True, False])
def test_hypotheses_that_all_end_alike_tell_nothing(survives: bool) -> None:
    each = np.full(3, survives)
    with pytest.raises(ValueError, match="tell nothing"):
        calibrate(
            [[Beginning((1, 2, 3), each, each, np.zeros((1, 1, 5, 4), np.float32), np.ones(3, np.float32))]]
        )
    with pytest.raises(ValueError, match="tell nothing"):
        calibrate([])


def test_beginnings_are_what_transformers_says_to_them() -> None:
    samples = utterances("starter")[0]
    observer = Observer(
        open_checkpoint(checkpoint_folder("starter")), len(samples), Placement("cpu", FLOAT32)
    )
    reports: list[None] = []
    found = observer.beginnings(samples, "spa", lambda: reports.append(None))
    assert len(reports) == observer.translations(samples)
    whole = oracle("starter").translate(samples, "spa", 0).token_ids
    ends = range(STEP_SAMPLES, len(samples), STEP_SAMPLES)
    texts = [oracle("starter").translate(samples[:end], "spa", 0).token_ids for end in ends]
    assert [each.token_ids for each in found] == [text for text in texts if text]
    for each in found:
        assert each.survives.tolist() == common_start(each.token_ids, whole).tolist()
        assert each.attention.shape[:3] == (3, 4, PROMPT_TOKENS + len(each.token_ids))
        np.testing.assert_allclose(each.attention.sum(axis=-1), 1.0, atol=1e-5)
    assert any(each.survives.any() for each in found)
