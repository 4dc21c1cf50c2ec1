"""From token log-probabilities to a confidence: by hand, by properties, and without a calibration."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.confidence import (
    UNCALIBRATED,
    Agreement,
    ConfidenceRule,
    Logistic,
    Threshold,
    text_features,
)

ALONE = Logistic(-2.7, (-0.7, -3.2, -0.2))
BOTH = Logistic(-2.9, (-1.3, -2.3, -0.2, -0.5, -1.0, 0.1))
COMPARED = Logistic(-2.9, (-1.0, -2.0, -0.2, -0.5, -1.0, 0.1, 0.0, -0.5, 0.0, -0.7))
RULE = ConfidenceRule(ALONE, BOTH, Threshold(0.0, 0.0), {}, COMPARED)
scores = st.lists(st.floats(-50, 0), min_size=1, max_size=40)


def test_features_by_hand() -> None:
    mean, least, tokens = text_features([-0.1, -0.2, -0.3, -2.0])
    assert mean == pytest.approx(math.log(0.65))
    assert least == pytest.approx(math.log((2.0 + 0.3 + 0.2) / 3))
    assert tokens == pytest.approx(math.log(4))


def test_an_empty_text_has_no_confidence() -> None:
    for rule in (UNCALIBRATED, RULE):
        with pytest.raises(ValueError, match="empty text"):
            rule.confidence([])


def test_a_logistic_by_hand() -> None:
    found = ALONE.probability((math.log(0.65), math.log(2.5 / 3), math.log(4)))
    terms = -2.7 - 0.7 * math.log(0.65) - 3.2 * math.log(2.5 / 3) - 0.2 * math.log(4)
    assert found == pytest.approx(1 / (1 + math.exp(-terms)))
    with pytest.raises(ValueError, match=r"shorter|longer"):
        ALONE.probability((1.0, 2.0))


@given(scores, scores)
def test_a_confidence_is_a_probability(text: list[float], transcript: list[float]) -> None:
    for rule in (UNCALIBRATED, RULE):
        assert 0 <= rule.confidence(text) <= 1
        assert 0 <= rule.confidence(text, transcript) <= 1


def test_less_probable_tokens_lower_the_confidence() -> None:
    sure, unsure, wrong = [-0.1] * 8, [-0.1] * 7 + [-1.0], [-0.1] * 5 + [-2.0] * 3
    for rule in (UNCALIBRATED, RULE):
        assert rule.confidence(sure) > rule.confidence(unsure) > rule.confidence(wrong)


def test_the_transcript_counts_where_there_is_one_and_a_rule_for_it() -> None:
    text, sure, unsure = [-0.3] * 6, [-0.1] * 6, [-1.5] * 6
    assert RULE.confidence(text, sure) > RULE.confidence(text, unsure)
    assert RULE.confidence(text, ()) == ALONE.probability(text_features(text))
    without = ConfidenceRule(ALONE, None, RULE.threshold)
    assert without.confidence(text, unsure) == without.confidence(text)


def test_an_agreement_counts_where_both_sides_of_it_and_a_rule_are_known() -> None:
    text, heard, good, bad = [-0.3] * 6, [-0.2] * 5, (-0.1,) * 7, (-2.0,) * 7
    alike, unlike = Agreement(good, good), Agreement(bad, bad)
    features = (*text_features(text), *text_features(heard), *text_features(good)[:2] * 2)
    assert RULE.confidence(text, heard, alike) == pytest.approx(COMPARED.probability(features))
    assert RULE.confidence(text, heard, alike) > RULE.confidence(text, heard, unlike)
    assert RULE.confidence(text, heard, Agreement(good, bad)) != RULE.confidence(
        text, heard, Agreement(bad, good)
    )
    for half in (Agreement(), Agreement(translation=bad), Agreement(transcript=bad)):
        assert RULE.confidence(text, heard, half) == RULE.confidence(text, heard)
    assert RULE.confidence(text, (), unlike) == RULE.confidence(text)
    without = ConfidenceRule(ALONE, BOTH, RULE.threshold)
    assert without.confidence(text, heard, unlike) == without.confidence(text, heard)


def test_without_a_calibration_it_is_the_geometric_mean_and_flags_nothing() -> None:
    assert not UNCALIBRATED.calibrated
    assert UNCALIBRATED.confidence([math.log(0.5), math.log(0.125)]) == pytest.approx(0.25)
    assert not UNCALIBRATED.flags(0.0, 8)
    assert RULE.calibrated
    assert [RULE.flags(each, 8) for each in (0.49, 0.5)] == [True, False]


def test_the_threshold_of_a_long_text_is_lower() -> None:
    threshold = Threshold(2.0, -1.0)
    assert threshold.at(1) == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert threshold.at(10) == pytest.approx(1 / (1 + math.exp(-2.0) * 10))
    rule = ConfidenceRule(ALONE, None, threshold)
    assert [rule.flags(0.3, tokens) for tokens in (10, 30)] == [True, False]
