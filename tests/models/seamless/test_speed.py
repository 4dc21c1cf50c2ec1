"""The estimate of a model's speed, from products with random numbers."""

from __future__ import annotations

import dataclasses

import pytest

from translate_svc.models.machine.speed_estimate import SpeedEstimate
from translate_svc.models.precision import PRECISIONS
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.speed import speed_estimate

SMALL = ModelConfig(
    vocab_size=32_000,
    hidden_size=128,
    speech_encoder_intermediate_size=512,
    decoder_ffn_dim=512,
    t2u_encoder_ffn_dim=512,
    unit_embed_dim=64,
    upsample_initial_channel=32,
)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_every_precision_of_a_cpu_is_timed(precision: str) -> None:
    estimate = speed_estimate(SMALL, PRECISIONS[precision], rows=4)
    assert min(estimate.encode_s, estimate.step_s, estimate.speak_s) > 0
    assert estimate.rows == 4


def test_a_deeper_model_takes_longer() -> None:
    deeper = dataclasses.replace(SMALL, speech_encoder_layers=240, decoder_layers=2_400)
    one, other = (speed_estimate(config, PRECISIONS["float32"], rows=1) for config in (SMALL, deeper))
    assert other.encode_s > 3 * one.encode_s
    assert other.step_s > 3 * one.step_s


def test_the_part_of_real_time_counts_a_step_for_all_rows() -> None:
    estimate = SpeedEstimate(encode_s=0.1, step_s=0.2, rows=8, speak_s=0.05)
    assert estimate.part_of_real_time(speech=False) == pytest.approx(0.2)
    assert estimate.part_of_real_time(speech=True) == pytest.approx(0.25)
