"""The frame that each token comes from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from translate_svc.models.alignment.attended_frames import attended_frames


def test_weights_are_normalised_over_the_tokens_before_the_best_frame_is_taken() -> None:
    """Every token rests on frame 4, as heads do that need nothing; only the rest tells them apart."""
    attention = np.array([[0.2, 0.1, 0, 0, 0.7], [0.1, 0.2, 0, 0, 0.7], [0, 0, 0.3, 0.1, 0.6]], np.float32)
    assert attention.argmax(axis=1).tolist() == [4, 4, 4]
    assert attended_frames(attention) == (0, 1, 2)


@pytest.mark.parametrize(
    ("attention", "sink_frames", "expected"),
    [
        pytest.param([[0.5, 0.2, 0.3]], 0, (0,), id="one token: the weights decide"),
        pytest.param([[0.5, 0.2, 0.3]], 1, (2,), id="without the sink"),
        pytest.param([[0.5, 0.2, 0.3]], 3, (0,), id="a sink of all frames is none"),
        pytest.param([[0.2, 0.8], [0.2, 0.8]], 0, (1, 1), id="tokens that all look alike"),
        pytest.param([[0.3, 0.3, 0.4], [0.29, 0.4, 0.31]], 0, (2, 1), id="two tokens: by how much"),
        pytest.param(np.zeros((0, 3)), 0, (), id="no tokens"),
    ],
)
def test_attended_frames(
    attention: Sequence[Sequence[float]], sink_frames: int, expected: tuple[int, ...]
) -> None:
    assert attended_frames(np.array(attention, np.float32), sink_frames=sink_frames) == expected


def test_attention_over_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no frames"):
        attended_frames(np.zeros((2, 0), np.float32))
