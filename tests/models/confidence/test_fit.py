"""Rules fitted to texts drawn from a known one: probabilities come true, the threshold keeps its promise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from translate_svc.confidence import Agreement, Logistic, text_features
from translate_svc.models.confidence.fit import FALSE_ALARMS, LEAST_OF_EACH, LabelledText, fit_rule, fit_typed

TRUE = Logistic(-2.5, (-1.0, -2.0, 0.3))


def drawn(count: int, seed: int = 0, *, transcripts: bool = True) -> list[LabelledText]:
    """Texts that are right as often as ``TRUE`` says; three of each clip. Transcripts say nothing."""
    rng = np.random.default_rng(seed)
    texts = []
    for index in range(count):
        surprise = float(np.exp(rng.normal(-1.3, 0.7)))
        tokens = tuple((-rng.exponential(surprise, int(rng.integers(3, 15)))).tolist())
        right = bool(rng.random() < TRUE.probability(text_features(tokens)))
        transcript = tuple((-rng.exponential(0.2, 8)).tolist()) if transcripts else ()
        texts.append(LabelledText(index // 3, tokens, transcript, right))
    return texts


def test_of_what_says_four_fifths_four_fifths_are_right() -> None:
    rule = fit_rule(drawn(6_000))
    for with_transcript in (False, True):
        fresh = drawn(6_000, seed=1)
        said = np.array(
            [
                rule.confidence(each.log_probabilities, each.transcript if with_transcript else ())
                for each in fresh
            ]
        )
        right = np.array([each.right for each in fresh])
        for low in np.arange(0, 1, 0.2):
            inside = (said >= low) & (said < low + 0.2)
            assert inside.sum() > 100
            assert right[inside].mean() == pytest.approx(said[inside].mean(), abs=0.06)


def test_the_true_rule_is_found() -> None:
    rule = fit_rule(drawn(20_000, transcripts=False))
    assert rule.with_transcript is None
    assert rule.alone is not None
    assert rule.alone.intercept == pytest.approx(TRUE.intercept, abs=0.3)
    assert rule.alone.weights == pytest.approx(TRUE.weights, abs=0.3)


def test_the_threshold_flags_one_right_text_in_twenty_of_the_domain() -> None:
    texts = drawn(3_000)
    strange = [
        dataclasses.replace(each, clip=each.clip + 10_000, in_domain=False, right=False)
        for each in drawn(600, seed=2)
    ]
    rule = fit_rule([*texts, *strange])
    fresh = [each for each in drawn(3_000, seed=3) if each.right]
    flagged = [
        rule.flags(rule.confidence(each.log_probabilities, each.transcript), len(each.log_probabilities))
        for each in fresh
    ]
    assert np.mean(flagged) == pytest.approx(FALSE_ALARMS, abs=0.02)


def test_long_texts_are_not_flagged_more_often_than_short_ones() -> None:
    """Each token may be wrong, so that a long text is seldom right."""
    rng = np.random.default_rng(6)
    texts = []
    for clip in range(6_000):
        surprises = rng.exponential(0.2, int(rng.choice([8, 32])))
        right = bool(rng.random() < np.prod(np.exp(-surprises / 4)))
        texts.append(LabelledText(clip, tuple((-surprises).tolist()), (), right))
    rule = fit_rule(texts)
    for length in (8, 32):
        group = [each for each in texts if len(each.log_probabilities) == length and each.right]
        assert len(group) > 100
        flagged = [rule.flags(rule.confidence(each.log_probabilities), length) for each in group]
        assert np.mean(flagged) == pytest.approx(FALSE_ALARMS, abs=0.02)


def test_figures_are_held_out_and_said() -> None:
    rule = fit_rule(drawn(900))
    assert rule.figures["texts"] == 900
    for kind in ("alone", "with_transcript"):
        assert 0.8 < rule.figures[f"area_{kind}"] < 1
        assert 0 < rule.figures[f"brier_{kind}"] < 0.25
        assert rule.figures[f"wrong_flagged_{kind}"] > rule.figures[f"right_flagged_{kind}"]


def test_an_agreement_that_tells_right_from_wrong_is_used() -> None:
    """The tokens say nothing here; what the model reads says it nearly always."""
    rng = np.random.default_rng(8)

    def surprise(mean: float) -> tuple[float, ...]:
        return tuple((-rng.exponential(mean, 9)).tolist())

    texts = []
    for clip in range(400):
        right = bool(rng.random() < 0.6)
        read = Agreement(surprise(0.1 if right else 1.0), surprise(0.2))
        texts.append(LabelledText(clip, surprise(0.2), surprise(0.2), right, agreement=read))
    rule = fit_rule(texts)
    assert rule.figures["area_with_agreement"] > 0.95
    assert rule.figures["area_with_transcript"] < 0.6
    agreed = [rule.confidence(each.log_probabilities, each.transcript, each.agreement) for each in texts]
    came_true = np.array([each.right for each in texts])
    assert np.mean(agreed) == pytest.approx(came_true.mean(), abs=0.02)
    assert np.mean((np.array(agreed) > 0.5) == came_true) > 0.9
    few = [dataclasses.replace(each, agreement=Agreement()) for each in texts[10:]] + texts[:10]
    assert fit_rule(few).with_agreement is None


def test_a_clip_is_judged_without_itself() -> None:
    """Labels by chance: a rule that was fitted to a clip would judge it better than chance."""
    rng = np.random.default_rng(4)
    texts = [dataclasses.replace(each, right=bool(rng.random() < 0.5)) for each in drawn(300)]
    assert fit_rule(texts).figures["area_with_transcript"] < 0.58


@pytest.mark.parametrize("right", [True, False])
def test_texts_that_are_all_alike_tell_nothing(right: bool) -> None:
    texts = [dataclasses.replace(each, right=right) for each in drawn(100)]
    few = [dataclasses.replace(each, right=not right) for each in drawn(LEAST_OF_EACH - 1, seed=5)]
    with pytest.raises(ValueError, match="are needed"):
        fit_rule([*texts, *few])
    with pytest.raises(ValueError, match="are needed"):
        fit_rule([])


def test_without_a_right_text_of_the_domain_there_is_no_threshold() -> None:
    texts = [dataclasses.replace(each, in_domain=not each.right) for each in drawn(300)]
    with pytest.raises(ValueError, match="in the domain"):
        fit_rule(texts)


def test_texts_that_two_features_tell_apart_have_a_rule_all_the_same() -> None:
    """Without the penalty its weights would grow without end."""
    right = [LabelledText(n, (-0.1, -0.1, -0.1 - n * 1e-4), (), True) for n in range(50)]
    wrong = [LabelledText(n, (-2.0, -2.0, -2.0 - n * 1e-4), (), False) for n in range(50, 100)]
    rule = fit_rule([*right, *wrong])
    assert rule.confidence((-0.1, -0.1, -0.1)) > 0.9
    assert rule.confidence((-2.0, -2.0, -2.0)) < 0.1


def test_typed_texts_get_a_rule_of_their_own_that_finds_what_the_source_tells() -> None:
    """The translations' own tokens say nothing; their sources, given them, say nearly all."""

    def typed(count: int, seed: int) -> list[LabelledText]:
        rng = np.random.default_rng(seed)
        found = []
        for index in range(count):
            right = bool(rng.random() < 0.5)
            own = tuple((-rng.exponential(0.2, 8)).tolist())
            source = tuple((-rng.exponential(0.2 if right else 2.0, 8)).tolist())
            found.append(LabelledText(index, own, (), right, agreement=Agreement(transcript=source)))
        return found

    spoken = fit_rule(drawn(600))
    rule = fit_typed(spoken, typed(600, 2))
    assert rule.with_source is not None
    assert (
        dataclasses.replace(rule, with_source=None, source_threshold=None, figures=spoken.figures) == spoken
    )
    marked: dict[bool, list[bool]] = {True: [], False: []}
    for each in typed(600, 3):
        confidence = rule.confidence(each.log_probabilities, (), each.agreement)
        marked[each.right].append(rule.flags(confidence, len(each.log_probabilities), by_source=True))
    assert np.mean(marked[False]) > 0.9
    assert np.mean(marked[True]) == pytest.approx(FALSE_ALARMS, abs=0.03)
    with pytest.raises(ValueError, match="typed texts are right"):
        fit_typed(spoken, typed(10, 4))
