"""A checkpoint of a stated size with random weights, for speeds that do not hang on what a model has learnt.

Half the published model's width and about half its depth, with its whole vocabularies. Its texts are nonsense
but decided: the best token leads by far more than float32 rounding, so that both sides say the same. Its
``</s>`` is never predicted: the benchmark forces the lengths of texts, and every token lasts 12 units.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.throughput.number_tokenizer import FIRST_LANGUAGE_ID, LANGUAGE, SPECIAL_IDS

UNITS_PER_TOKEN = 12
_CHARACTERS = "abcd"
_PEAK = 8.0
"""Scale of the decoder's last norm, hence of the logits: the best token then leads by about 1."""


def random_config() -> Any:
    """12 speech-encoder, 6 decoder, 4 + 4 text-to-unit layers, hidden 512; the rest halved or as it is."""
    return transformers.SeamlessM4Tv2Config(
        hidden_size=512,
        speech_encoder_layers=12,
        speech_encoder_attention_heads=8,
        speech_encoder_intermediate_size=2048,
        encoder_layers=2,
        encoder_ffn_dim=4096,
        encoder_attention_heads=8,
        decoder_layers=6,
        decoder_ffn_dim=4096,
        decoder_attention_heads=8,
        t2u_encoder_layers=4,
        t2u_encoder_ffn_dim=4096,
        t2u_encoder_attention_heads=8,
        t2u_decoder_layers=4,
        t2u_decoder_ffn_dim=4096,
        t2u_decoder_attention_heads=8,
        t2u_variance_predictor_embed_dim=512,
        unit_embed_dim=640,
        lang_embed_dim=128,
        spkr_embed_dim=128,
        upsample_initial_channel=256,
    )


def build_random_checkpoint(
    folder: Path, config: Any = None, *, device: str = "cpu", dtype: torch.dtype = torch.float16
) -> Path:
    """Writes the checkpoint into ``folder`` and returns it.

    Args:
        folder: made where it is missing.
        config: sizes; by default ``random_config()``: 600 MB, about half a minute.
        device: where the weights are drawn.
        dtype: in which they are drawn and written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # so that it never takes more than what is written
    try:
        with torch.device(device):
            model: Any = transformers.SeamlessM4Tv2Model(config or random_config()).eval()
    finally:
        torch.set_default_dtype(usual)
    with torch.no_grad():
        shared = model.shared.weight
        shared[:SPECIAL_IDS] = 0.0
        shared[FIRST_LANGUAGE_ID:] *= 0.1
        model.text_decoder.layer_norm.weight.mul_(_PEAK)
        units = model.t2u_model.lm_head.weight
        units[: model.config.vocoder_offset] = 0.0  # what the vocoder has no embedding for is never predicted
        units[model.config.vocoder_offset + model.config.unit_hifi_gan_vocab_size :] = 0.0
        durations = model.t2u_model.model.decoder.duration_predictor.proj
        durations.weight.zero_()
        durations.bias.fill_(math.log1p(UNITS_PER_TOKEN / len(_CHARACTERS)))
    model.save_pretrained(folder)
    write_description(folder, model.config)
    return folder


def write_description(folder: Path, config: Any) -> None:
    """Writes all of a checkpoint but its weights."""
    config.save_pretrained(folder)
    _generation_config().save_pretrained(folder)
    transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)
    (folder / "speakers.json").write_text(json.dumps({LANGUAGE: [0]}))


def _generation_config() -> Any:
    return transformers.GenerationConfig(
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=3,
        max_new_tokens=256,
        text_decoder_lang_to_code_id={LANGUAGE: FIRST_LANGUAGE_ID},
        t2u_lang_code_to_id={LANGUAGE: 10_005},
        vocoder_lang_code_to_id={LANGUAGE: 0},
        id_to_text={str(index): _CHARACTERS for index in range(SPECIAL_IDS, FIRST_LANGUAGE_ID)},
        char_to_id={character: 4 + index for index, character in enumerate(_CHARACTERS)},
    )
