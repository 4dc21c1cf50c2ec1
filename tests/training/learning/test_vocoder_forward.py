"""The vocoder's training forward pass against transformers'."""

from __future__ import annotations

import pytest
import torch
from transformers.models.seamless_m4t_v2.modeling_seamless_m4t_v2 import SeamlessM4Tv2CodeHifiGan

from training.starter.learning.vocoder_forward import synthesise
from training.starter.model_config import UNIT_COUNT, UNIT_OFFSET, starter_config
from training.starter.train_vocoder import fix_durations


@pytest.mark.parametrize(("language_id", "speaker_id"), [(0, 0), (3, 1)])
def test_it_gives_the_samples_of_transformers(language_id: int, speaker_id: int) -> None:
    torch.manual_seed(0)
    vocoder = SeamlessM4Tv2CodeHifiGan(starter_config()).double().eval()
    for parameter in vocoder.parameters():  # weights as initialised give next to silence
        torch.nn.init.normal_(parameter, std=0.15)
    fix_durations(vocoder)
    units = torch.randint(2, UNIT_COUNT, (1, 23))
    with torch.no_grad():
        samples = synthesise(vocoder, units, torch.tensor([[language_id, speaker_id]]))
        expected, lengths = vocoder(units, torch.tensor([[speaker_id]]), torch.tensor([[language_id]]))
    assert lengths.flatten().tolist() == [23 * 320]
    assert samples.shape == (1, 23 * 320)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(samples, expected.reshape(1, -1), atol=1e-10, rtol=1e-8)


def test_unit_tokens_of_the_text_to_unit_stage_lie_behind_its_control_tokens() -> None:
    config = starter_config()
    assert config.t2u_vocab_size == UNIT_COUNT + UNIT_OFFSET
    assert config.unit_hifi_gan_vocab_size == UNIT_COUNT
