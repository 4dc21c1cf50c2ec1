"""The fast conformer gives transformers' numbers, for padded batches too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import SeamlessM4Tv2Model
from transformers.models.seamless_m4t_v2 import modeling_seamless_m4t_v2 as modeling

from training.starter.learning.speech_forward import encode_speech, use_fast_conformer
from training.starter.model_config import starter_config


@pytest.fixture
def transformers_forwards() -> Iterator[None]:
    """Puts transformers' own forwards back after a test that replaces them."""
    classes = (modeling.SeamlessM4Tv2ConformerSelfAttention, modeling.SeamlessM4Tv2ConformerConvolutionModule)
    own = [kind.forward for kind in classes]
    yield
    for kind, forward in zip(classes, own, strict=True):
        kind.forward = forward


@pytest.mark.usefixtures("transformers_forwards")
def test_same_states_and_gradients_as_transformers() -> None:
    torch.manual_seed(0)
    model = SeamlessM4Tv2Model(starter_config()).eval()
    counts = torch.tensor([101, 60, 93])
    mask = (torch.arange(101)[None] < counts[:, None]).long()
    features = torch.randn(3, 101, 160) * mask[:, :, None]

    def states_and_gradient() -> tuple[torch.Tensor, torch.Tensor]:
        encoded = encode_speech(model, features, counts)
        embedding = model.speech_encoder.encoder.layers[0].self_attn.distance_embedding.weight
        (gradient,) = torch.autograd.grad(encoded.states.square().mean(), embedding)
        return encoded.states, gradient

    expected = model.speech_encoder(features, attention_mask=mask).last_hidden_state
    states, gradient = states_and_gradient()
    torch.testing.assert_close(states, expected)
    use_fast_conformer()
    fast_states, fast_gradient = states_and_gradient()
    torch.testing.assert_close(fast_states, expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(fast_gradient, gradient, atol=1e-6, rtol=1e-3)
    assert encode_speech(model, features, counts).mask.sum(1).tolist() == [13, 8, 12]
