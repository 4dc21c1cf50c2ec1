"""Features are those of transformers, and frames that are known are not computed again."""

from __future__ import annotations

import pytest
import torch
from transformers import WhisperFeatureExtractor

from tests.whisper_checkpoints import speech
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.slices import finish
from translate_svc.models.whisper.features import WhisperFeatures
from translate_svc.types import Samples

FRAMES = 300


def made(features: WhisperFeatures, samples: Samples, memory: LogMelMemory | None = None) -> torch.Tensor:
    return finish(features.slices(torch.from_numpy(samples.copy()), FRAMES, memory))


@pytest.mark.parametrize("mel_bins", [80, 128])
@pytest.mark.parametrize("seconds", [0.01, 1.0, 2.995, 3.0])
def test_they_are_those_of_transformers(mel_bins: int, seconds: float) -> None:
    samples = speech(seconds, 3)
    theirs = WhisperFeatureExtractor(mel_bins, chunk_length=3)(
        samples, sampling_rate=16_000, return_tensors="pt"
    )
    ours = made(WhisperFeatures(mel_bins), samples)
    torch.testing.assert_close(ours, theirs.input_features[0].T, atol=1e-4, rtol=0)


def test_a_buffer_that_grows_and_is_cut_keeps_its_frames() -> None:
    features, whole, memory = WhisperFeatures(80), speech(3.0, 4), LogMelMemory()
    made(features, whole[:20_000], memory)
    assert torch.equal(made(features, whole[:30_000], memory), made(features, whole[:30_000]))
    assert memory.frames is not None
    assert len(memory.frames) > 180
    cut = 320 * 20
    memory = LogMelMemory(memory.frames.after(cut))
    assert torch.equal(made(features, whole[cut:], memory), made(features, whole[cut:]))
