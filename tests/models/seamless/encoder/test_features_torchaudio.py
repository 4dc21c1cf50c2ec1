"""The features against torchaudio's Kaldi filter bank: a second oracle that shares no code with transformers.

torchaudio's wheel loads only beside a CUDA build of PyTorch, hence the mark.
"""

from __future__ import annotations

import pytest
import torch

from tests.models.seamless.encoder.test_features import TOLERANCE, speech_like
from translate_svc.models.seamless.encoder.features import FeatureExtractor


@pytest.mark.gpu
@pytest.mark.parametrize("samples", [720, 16_000, 47_999])
def test_equals_torchaudios_filter_bank(samples: int) -> None:
    kaldi = pytest.importorskip("torchaudio.compliance.kaldi")
    waveform = speech_like(samples, seed=samples)
    mel = kaldi.fbank(
        torch.from_numpy(waveform)[None] * 2**15,
        num_mel_bins=80,
        window_type="povey",
        sample_frequency=16_000.0,
        dither=0.0,
        energy_floor=0.0,
    )
    # the statistics are taken over all frames of the utterance, an odd last one included
    normal = (mel - mel.mean(dim=0)) / torch.sqrt(mel.var(dim=0, unbiased=True) + 1e-7)
    expected = normal[: len(mel) // 2 * 2].reshape(-1, 160)
    features, lengths = FeatureExtractor()([waveform])
    assert lengths == [len(expected)]
    assert torch.allclose(features[0], expected, rtol=0, atol=TOLERANCE)
