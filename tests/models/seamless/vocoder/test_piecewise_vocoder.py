"""Pieces of all lengths on a CPU: each has the waveform of the whole text, and they have few shapes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.models.seamless.modules import CPU, vocoder
from translate_svc.models.seamless.vocoder.piecewise_vocoder import PiecewiseVocoder, VocoderInput
from translate_svc.models.seamless.vocoder.vocoder import Voice
from translate_svc.types import SAMPLES_PER_UNIT

VOICE = Voice(1, 1)
UNITS = np.random.default_rng(0).integers(0, 60, 140)


@pytest.fixture(autouse=True)
def _inference() -> object:
    with torch.inference_mode():
        yield


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 3), (0, 25), (0, 61), (17, 42), (30, 43), (50, 150), (51, 140), (133, 140), (0, 140)],
)
def test_a_piece_of_any_length_and_place_is_a_part_of_the_whole(start: int, end: int) -> None:
    whole = vocoder("tiny")(torch.from_numpy(UNITS[None]), [VOICE])[0].numpy()
    (made,) = PiecewiseVocoder(vocoder("tiny"), CPU).waveforms([VocoderInput(UNITS, start, end, VOICE)])
    assert isinstance(made, np.ndarray)
    np.testing.assert_allclose(
        made, whole[start * SAMPLES_PER_UNIT : end * SAMPLES_PER_UNIT], rtol=0.0, atol=1e-5
    )


def test_pieces_of_many_lengths_have_few_shapes() -> None:
    """Each shape is prepared once; the pieces of hypotheses have all lengths."""
    module, shapes = vocoder("tiny"), set()

    def note(_: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        shapes.add(arguments[0].shape)

    handle = module.hifi_gan.register_forward_pre_hook(note)
    try:
        pieces = [VocoderInput(UNITS, 30, 30 + length, VOICE) for length in range(1, 81)]
        assert len(PiecewiseVocoder(module, CPU).waveforms(pieces)) == 80
    finally:
        handle.remove()
    assert len(shapes) <= 80 // 8 + 2, "multiples of 8, and two exact lengths"
