"""Architectures: read as published, refused by the name of the faulty field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from translate_svc.errors import CheckpointError
from translate_svc.models.seamless.config import ModelConfig


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"decoder_attention_heads": 5}, "is not a multiple of decoder_attention_heads 5"),
        ({"decoder_attention_heads": 0}, "decoder_attention_heads 0"),
        ({"speech_encoder_hidden_act": "tanh"}, "speech_encoder_hidden_act 'tanh'"),
        ({"position_embeddings_type": "rotary"}, "position_embeddings_type 'rotary'"),
        ({"add_adapter": False}, "add_adapter"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings"),
        ({"sampling_rate": 8_000}, "sampling_rate is 8000, expected 16000"),
        ({"upsample_rates": [5, 4, 4, 2]}, "differ in length"),
        ({"upsample_rates": [5, 4, 4, 2, 4]}, "multiply to 640, expected 320"),
        ({"upsample_kernel_sizes": [11, 8, 8, 4, 5]}, "must be even"),
        ({"resblock_kernel_sizes": [3, 7, 10]}, "must be odd"),
        ({"resblock_kernel_sizes": [3, 7]}, "differ in length"),
        ({"t2u_vocab_size": 10_003}, "t2u_vocab_size is smaller"),
        ({"hidden_size": -32}, "hidden_size has the value -32"),
        ({"scale_embedding": 1}, "scale_embedding has the value 1"),
        ({"upsample_rates": "5,4"}, "upsample_rates has the value"),
        ({"resblock_dilation_sizes": [1, 3]}, "resblock_dilation_sizes has the value"),
    ],
)
def test_an_architecture_that_is_not_computed_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        ModelConfig.from_mapping({"model_type": "seamless_m4t_v2"} | values, path=Path("config.json"))
    assert said in str(caught.value)


def test_what_config_leaves_out_is_as_published() -> None:
    assert (
        ModelConfig.from_mapping({"model_type": "seamless_m4t_v2"}, path=Path("config.json")) == ModelConfig()
    )
