"""The starter's architecture: SeamlessM4T v2 in 9.5 million parameters, same stages, strides and layer kinds.

Where a number is not a matter of size it is the large model's: 160-dimensional stacked features at 50 Hz,
adapter kernel and stride 8 (one encoder frame = 160 ms), T2U offset 4, 320 samples a unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import SeamlessM4Tv2Config

from training.starter.synthesis.voices import SPEAKER_IDS
from training.starter.tokenizer import (
    BOS_ID,
    EOS_ID,
    LANGUAGE_CODES,
    PAD_ID,
    VOCABULARY_SIZE,
    StarterTokenizer,
)

HIDDEN_SIZE = 192
UNIT_COUNT = 250
"""Unit indices 0..249. Index 1 is never used: it equals the vocoder's pad id."""
UNIT_OFFSET = 4
MAX_NEW_TOKENS = 96


def starter_config() -> SeamlessM4Tv2Config:
    heads, feed_forward = 4, 512
    return SeamlessM4Tv2Config(
        vocab_size=VOCABULARY_SIZE, t2u_vocab_size=UNIT_COUNT + UNIT_OFFSET, char_vocab_size=128,
        hidden_size=HIDDEN_SIZE,
        initializer_range=0.05, max_position_embeddings=512, encoder_layerdrop=0.0, decoder_layerdrop=0.0,
        activation_function="relu", dropout=0.0, attention_dropout=0.0, activation_dropout=0.0,
        encoder_layers=2, encoder_ffn_dim=384, encoder_attention_heads=heads,
        decoder_layers=3, decoder_ffn_dim=feed_forward, decoder_attention_heads=heads,
        decoder_start_token_id=EOS_ID, pad_token_id=PAD_ID, bos_token_id=BOS_ID, eos_token_id=EOS_ID,
        max_new_tokens=MAX_NEW_TOKENS,
        speech_encoder_layers=4, speech_encoder_attention_heads=heads,
        speech_encoder_intermediate_size=feed_forward, conv_depthwise_kernel_size=15,
        speech_encoder_dropout=0.0, speech_encoder_layerdrop=0.0, adaptor_dropout=0.0,
        t2u_encoder_layers=2, t2u_encoder_ffn_dim=384, t2u_encoder_attention_heads=heads,
        t2u_decoder_layers=2, t2u_decoder_ffn_dim=feed_forward, t2u_decoder_attention_heads=heads,
        t2u_max_position_embeddings=2048, t2u_variance_predictor_embed_dim=HIDDEN_SIZE,
        t2u_variance_predictor_hidden_dim=128, t2u_variance_pred_dropout=0.1,
        upsample_initial_channel=128, upsample_rates=[8, 8, 5], upsample_kernel_sizes=[16, 16, 11],
        resblock_kernel_sizes=[3, 7], resblock_dilation_sizes=[[1, 3], [1, 3]],
        unit_hifi_gan_vocab_size=UNIT_COUNT, unit_embed_dim=128, lang_embed_dim=16, spkr_embed_dim=16,
        vocoder_num_langs=len(LANGUAGE_CODES), vocoder_num_spkrs=len(SPEAKER_IDS),
        vocoder_offset=UNIT_OFFSET,
    )  # fmt: skip


def generation_config(tokenizer: StarterTokenizer) -> Mapping[str, Any]:
    """The content of generation_config.json: language maps, the T2U's view of the tokens, control tokens."""
    token_ids = range(VOCABULARY_SIZE)
    pieces = {
        token_id: tokenizer.id_to_piece(token_id) if token_id in tokenizer.text_token_ids() else ""
        for token_id in token_ids
    }
    indices = {code: index for index, code in enumerate(LANGUAGE_CODES)}
    return {
        "pad_token_id": PAD_ID, "bos_token_id": BOS_ID, "eos_token_id": EOS_ID,
        "decoder_start_token_id": EOS_ID,
        "max_new_tokens": MAX_NEW_TOKENS, "num_beams": 1, "do_sample": False,
        "text_decoder_lang_to_code_id": {code: tokenizer.language_id(code) for code in LANGUAGE_CODES},
        "t2u_lang_code_to_id": indices, "vocoder_lang_code_to_id": indices,
        "id_to_text": {str(token_id): piece for token_id, piece in pieces.items()},
        "char_to_id": character_ids(tokenizer),
    }  # fmt: skip


def character_ids(tokenizer: StarterTokenizer) -> dict[str, int]:
    """Ids of the T2U decoder's character embeddings: 0 pad, 1 unknown, then the characters of all pieces."""
    return {"<pad>": 0, "<unk>": 1} | {
        character: index for index, character in enumerate(tokenizer.characters(), start=2)
    }
