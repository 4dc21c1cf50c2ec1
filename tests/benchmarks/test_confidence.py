"""Confidences that tell right texts from wrong ones: area, threshold, warnings, what came true."""

from __future__ import annotations

import pytest

from benchmarks.quality.measures.confidence import Scored, area_under_curve, threshold


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


def test_the_threshold_flags_one_right_text_in_twenty() -> None:
    texts = [Scored(n / 101, -1.0, right=True) for n in range(101)]
    limit = threshold([*texts, Scored(None, None, right=True), Scored(0.0, -9.0, right=False)])
    assert limit == pytest.approx(5 / 101)
    assert sum(text.confidence is not None and text.confidence < limit for text in texts) == 5
    with pytest.raises(ValueError, match="no text is right"):
        threshold([Scored(0.5, -1.0, right=False), Scored(None, None, right=True)])
