"""Scores that tell right texts from wrong ones: area, threshold, what is flagged."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.measures.confidence import Scored, area_under_curve, figures_of, threshold


@pytest.mark.parametrize(
    ("right", "wrong", "area"),
    [
        pytest.param([-0.1, -0.2], [-0.5, -0.9], 1.0, id="apart"),
        pytest.param([-0.5, -0.9], [-0.1, -0.2], 0.0, id="the wrong way round"),
        pytest.param([-0.3], [-0.3], 0.5, id="equal"),
        pytest.param([-0.1, -0.6], [-0.5, -0.7], 0.75, id="three of four pairs"),
    ],
)
def test_area_under_the_curve(right: list[float], wrong: list[float], area: float) -> None:
    assert area_under_curve(right, wrong) == pytest.approx(area)


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    right, wrong = rng.normal(1, 1, 60).round(1), rng.normal(0, 1, 45).round(1)
    pairs = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
    assert area_under_curve(right.tolist(), wrong.tolist()) == pytest.approx(np.mean(pairs))


def test_the_threshold_flags_one_right_text_in_twenty() -> None:
    texts = [Scored(-float(n), right=True) for n in range(101)]
    limit = threshold([*texts, Scored(None, right=True), Scored(-1000.0, right=False)])
    assert limit == pytest.approx(-95.0)
    assert sum(text.score is not None and text.score < limit for text in texts) == 5
    with pytest.raises(ValueError, match="no text is right"):
        threshold([Scored(-1.0, right=False), Scored(None, right=True)])


def test_empty_texts_need_no_flag() -> None:
    texts = [
        Scored(-0.1, right=True),
        Scored(-0.6, right=True),
        Scored(-0.4, right=False),
        Scored(-0.7, right=False),
        Scored(None, right=False),
    ]
    found = figures_of("one", texts, limit=-0.5)
    assert (found.wrong, found.count) == (2, 5)
    assert found.flagged == 50.0
    assert found.area == 75.0
    assert found.told == pytest.approx(80.0)


def test_free_talk_is_right_where_it_is_empty() -> None:
    found = figures_of("free", [Scored(None, right=True)] * 3 + [Scored(-0.2, right=False)], limit=-0.5)
    assert (found.area, found.flagged, found.told) == (None, 0.0, 75.0)
    assert figures_of("free", [Scored(None, right=True)], limit=-0.5).flagged is None
