"""A tiny SeamlessM4T v2 checkpoint with random weights, in the file format of the published one.

Written by transformers itself (``save_pretrained``), so that what reads it is tested against the real format.
Its output is nonsense, but decided: the weights are scaled until the best token and the best unit lead the
second best by far more than float32 rounding, so that comparisons of token ids do not flake.
"""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers

LANGUAGES = ("eng", "spa", "fra")
SPEECH_LANGUAGES = ("eng", "spa")
PIECE_COUNT = 96
UNIT_COUNT = 60
UNIT_OFFSET = 4
SPEAKER_COUNT = 6
MODEL_SEED = 8
UNMAPPED_TOKEN_ID = 41
"""A piece that ``id_to_text`` lacks: checkpoints have such ids."""

_TEXT = (
    "the train leaves at seven, and the bus at nine.",
    "where is the station? it is near the river!",
    "el tren sale a las siete y el barco a las nueve.",
    "donde esta la estacion? esta cerca del rio.",
    "le train part a sept heures, le bateau a neuf heures.",
)


UNSPACED_LANGUAGES = ("eng", "spa", "jpn")
_UNSPACED_TEXT = (
    "電車は七時に出ます。バスは九時に出ます。",
    "駅はどこですか。川の近くにあります。",
    "私は昨日その電車で川へ行きました。",
    "ガラスのドアとパンとバスがあります。",
)
"""Japanese, which writes no spaces. Voiced sounds have their mark as a letter of its own (NFD)."""


def tiny_config(**overrides: Any) -> Any:
    """The tiny architecture; ``overrides`` replace fields of transformers' configuration."""
    fields: dict[str, Any] = {
        "vocab_size": PIECE_COUNT + 1 + len(LANGUAGES),
        "t2u_vocab_size": UNIT_COUNT + UNIT_OFFSET + 3,
        "char_vocab_size": 64,
        "hidden_size": 32,
        "initializer_range": 0.2,
        "max_position_embeddings": 256,
        "t2u_max_position_embeddings": 1024,
        "max_new_tokens": 24,
        "speech_encoder_layers": 2,
        "speech_encoder_attention_heads": 4,
        "speech_encoder_intermediate_size": 48,
        "conv_depthwise_kernel_size": 7,
        "encoder_layers": 1,
        "encoder_ffn_dim": 48,
        "encoder_attention_heads": 4,
        "decoder_layers": 3,
        "decoder_ffn_dim": 48,
        "decoder_attention_heads": 4,
        "t2u_encoder_layers": 1,
        "t2u_encoder_ffn_dim": 48,
        "t2u_encoder_attention_heads": 4,
        "t2u_decoder_layers": 2,
        "t2u_decoder_ffn_dim": 48,
        "t2u_decoder_attention_heads": 4,
        "t2u_variance_predictor_embed_dim": 32,
        "t2u_variance_predictor_hidden_dim": 24,
        "upsample_initial_channel": 32,
        "upsample_rates": [8, 8, 5],
        "upsample_kernel_sizes": [16, 16, 11],
        "resblock_kernel_sizes": [3, 7],
        "resblock_dilation_sizes": [[1, 3], [1, 3]],
        "unit_hifi_gan_vocab_size": UNIT_COUNT,
        "unit_embed_dim": 16,
        "lang_embed_dim": 8,
        "spkr_embed_dim": 8,
        "vocoder_num_langs": 3,
        "vocoder_num_spkrs": SPEAKER_COUNT,
    }
    return transformers.SeamlessM4Tv2Config(**(fields | overrides))


def build_unspaced_checkpoint(folder: Path) -> Path:
    """The same, with Japanese in place of French, and pieces of a text without spaces."""
    text = [unicodedata.normalize("NFD", line) for line in _UNSPACED_TEXT]
    return build_tiny_checkpoint(folder, languages=UNSPACED_LANGUAGES, text=text)


def build_tiny_checkpoint(
    folder: Path,
    *,
    max_shard_size: str = "1GB",
    languages: Sequence[str] = LANGUAGES,
    text: Sequence[str] = _TEXT,
    **overrides: Any,
) -> Path:
    """Writes the checkpoint into ``folder``, which is created, and returns it; ``overrides`` as above.

    ``languages``: three. ``text``: what the tokenizer is trained with.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _write_tokenizer(folder, languages, text)
    model = _model(tiny_config(**overrides))
    model.generation_config = _generation_config(pieces, languages)
    model.save_pretrained(folder, max_shard_size=max_shard_size)
    transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)
    _write_json(folder / "speakers.json", {"eng": [3, 1], "spa": [5]})
    return folder


def _model(config: Any) -> Any:
    torch.manual_seed(MODEL_SEED)
    model = transformers.SeamlessM4Tv2Model(config).eval()
    with torch.no_grad():
        _decide_text(model)
        _decide_units(model)
        _sound(model)
    return model


def _decide_text(model: Any) -> None:
    """A feed-forward that scatters instead of pointing one way, and an end that is reached now and then."""
    for layer in model.text_decoder.layers:
        layer.cross_attention.out_proj.weight.mul_(3.0)
        layer.cross_attention.q_proj.weight.mul_(3.0)
        layer.self_attn.q_proj.weight.mul_(3.0)
        layer.ffn.fc1.weight.mul_(4.0)
        scatter = layer.ffn.fc2.weight
        scatter.sub_(scatter.mean(dim=1, keepdim=True)).mul_(6.0)
    weight = model.shared.weight
    weight.mul_(2.0)
    weight[:3] = 0.0  # <pad>, <unk>, <s>
    weight[3] *= 2.6  # </s>
    weight[PIECE_COUNT + 1 :] *= 0.3  # languages: read, hardly ever written


def _decide_units(model: Any) -> None:
    decoder = model.t2u_model.model.decoder
    weight = decoder.embed_tokens.weight
    weight.mul_(3.0)
    # ids that are no units must lose: transformers would hand them to the vocoder
    weight[:UNIT_OFFSET] = 0.0
    weight[UNIT_OFFSET + UNIT_COUNT :] = 0.0
    decoder.duration_predictor.proj.weight.mul_(0.3)
    decoder.duration_predictor.proj.bias.fill_(1.1)


def _sound(model: Any) -> None:
    """Louder, so that an error in the waveform is seen."""
    model.vocoder.hifi_gan.conv_post.weight.mul_(0.5)


def _write_tokenizer(folder: Path, languages: Sequence[str], text: Sequence[str]) -> list[str]:
    """Trains SentencePiece BPE and lets transformers write its own files beside it. Returns the pieces."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text),
        model_writer=model,
        model_type="bpe",
        vocab_size=PIECE_COUNT,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        character_coverage=1.0,
        normalization_rule_name="identity" if text is not _TEXT else "nmt_nfkc",
        num_threads=1,
        minloglevel=2,
    )
    (folder / "sentencepiece.bpe.model").write_bytes(model.getvalue())
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "SeamlessM4TTokenizer",
            "additional_special_tokens": [f"__{code}__" for code in languages],
            "src_lang": "eng",
            "tgt_lang": "spa",
        },
    )
    transformers.SeamlessM4TTokenizer.from_pretrained(folder).save_pretrained(folder)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return [processor.id_to_piece(index) for index in range(processor.get_piece_size())]


def _generation_config(pieces: list[str], languages: Sequence[str]) -> Any:
    characters = sorted({character for piece in pieces[3:] for character in piece})
    first_language = len(pieces) + 1
    return transformers.GenerationConfig(
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=3,
        max_new_tokens=24,
        text_decoder_lang_to_code_id={code: first_language + i for i, code in enumerate(languages)},
        t2u_lang_code_to_id={code: 64 + i for i, code in enumerate(SPEECH_LANGUAGES)},
        vocoder_lang_code_to_id={code: i for i, code in enumerate(SPEECH_LANGUAGES)},
        id_to_text={
            str(index + 1): piece for index, piece in enumerate(pieces) if index + 1 != UNMAPPED_TOKEN_ID
        },
        char_to_id={character: 4 + i for i, character in enumerate(characters)},
    )


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
