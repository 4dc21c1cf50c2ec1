"""What the floors count is what transformers' modules multiply."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.stages.floors import decode_step_flop, encode_flop, vocode_flop
from tests.checkpoints import oracle
from tests.models.seamless.modules import checkpoint


def test_the_encoders_count() -> None:
    """Scores and their use, which the counter does not see, are twice the work of transformers' relative bias
    over all pairs, which this package makes of the distances alone.
    """
    config, model, frames = checkpoint("tiny").config, oracle("tiny").model, 320
    features = torch.randn(1, frames, config.feature_projection_input_dim)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.speech_encoder(input_features=features)
    width = config.speech_encoder_layers * config.hidden_size
    distances = config.left_max_position_embeddings + config.right_max_position_embeddings + 1
    unseen = 2 * width * frames * (2 * frames - frames + distances)
    assert encode_flop(config, frames) == pytest.approx(counter.get_total_flops() + unseen, rel=0.03)


def test_the_decoders_count() -> None:
    config, model = checkpoint("tiny").config, oracle("tiny").model
    states = torch.randn(3, 4, config.hidden_size)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        hidden = model.text_decoder(input_ids=torch.tensor([[5]] * 3), encoder_hidden_states=states)
        model.lm_head(hidden.last_hidden_state)
    source = 2 * 3 * 4 * 2 * config.decoder_layers * config.hidden_size**2  # keys and values, once a source
    assert decode_step_flop(config, 3) == pytest.approx(counter.get_total_flops() - source, rel=0.05)


def test_the_vocoders_count() -> None:
    config, model = checkpoint("tiny").config, oracle("tiny").model
    units = torch.randint(0, 60, (1, 100))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.vocoder(input_ids=units, speaker_id=torch.tensor([[0]]), lang_id=torch.tensor([[0]]))
    assert vocode_flop(config, 100) == pytest.approx(counter.get_total_flops(), rel=0.05)
