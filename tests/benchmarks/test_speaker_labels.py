"""The error of speaker labels is that of diarization."""

import numpy as np
import pytest

from benchmarks.speaker_labels import Talk, Turn, diarization_error, labels_of

STATE = np.zeros(2)
TALK = Talk(
    (Turn("ann", 3.0, STATE), Turn("bob", 1.0, STATE), Turn("ann", 2.0, STATE), Turn("bob", 2.0, STATE))
)


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        ([1, 0, 1, 0], 0.0),  # names of labels do not count
        ([0, 0, 0, 0], 3 / 8),
        ([0, 1, 2, 1], 2 / 8),  # a speaker too many
        ([0, 1, 1, 1], 2 / 8),
    ],
)
def test_what_is_wrong_is_a_share_of_the_time(labels: list[int], error: float) -> None:
    assert diarization_error(TALK, labels) == pytest.approx(error)


def test_an_utterance_is_of_the_nearest_speaker_or_of_a_new_one() -> None:
    states = [np.array(each) for each in ([1.0, 0.1], [0.1, 1.0], [2.0, 0.0], [0.0, 3.0], [-1.0, 0.0])]
    assert labels_of(states, 0.5) == [0, 1, 0, 1, 2]
