"""Whisper checkpoints with random weights, in the layout that transformers writes and the hub has.

Special tokens and their order are those of OpenAI's vocabularies: of 99 languages, or of 100 from large-v3
on. The text tokens are all bytes, and pairs of them, so no published vocabulary is needed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

_CODES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg "
    "lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so "
    "af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"
)
LANGUAGES = tuple(_CODES.split())
WHOLE_TEXT_TOKENS = 50_257
_TIMESTAMPS = 1_501


@dataclass(frozen=True, slots=True)
class WhisperSize:
    """Sizes of a published checkpoint, as ``WhisperConfig`` names them."""

    d_model: int
    encoder_layers: int
    decoder_layers: int
    heads: int
    num_mel_bins: int = 80
    languages: int = 99
    text_tokens: int = WHOLE_TEXT_TOKENS
    window_states: int = 1500
    init_std: float = 0.02


SIZES = {
    "tiny": WhisperSize(384, 4, 4, 6),
    "base": WhisperSize(512, 6, 6, 8),
    "small": WhisperSize(768, 12, 12, 12),
    "large-v3": WhisperSize(1280, 32, 32, 20, num_mel_bins=128, languages=100),
    "turbo": WhisperSize(1280, 32, 4, 20, num_mel_bins=128, languages=100),
}


def special_tokens(size: WhisperSize) -> list[str]:
    """From ``<|endoftext|>`` on, in the order of their ids."""
    named = ["endoftext", "startoftranscript", *LANGUAGES[: size.languages]]
    named += ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    return [f"<|{name}|>" for name in named] + [f"<|{place * 0.02:.2f}|>" for place in range(_TIMESTAMPS)]


def byte_level_vocabulary(tokens: int) -> tuple[list[str], list[tuple[str, str]]]:
    """All bytes as characters of GPT-2's alphabet, then pairs of them; and the merges that make the pairs."""
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    # a space before a letter first, as in any text
    ordered = ["Ġ", *(each for each in alphabet if each != "Ġ")]
    pairs = [(left, right) for left in ordered for right in alphabet][: tokens - len(alphabet)]
    return alphabet + [left + right for left, right in pairs], pairs


def write_whisper(folder: Path, size: WhisperSize, *, seed: int = 0, ends: bool = True) -> Path:
    """Writes a checkpoint with weights from ``seed``. Returns ``folder``. Without ``ends`` its texts never
    end."""
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    specials = special_tokens(size)
    ids = {token: size.text_tokens + place for place, token in enumerate(specials)}
    end = ids["<|endoftext|>"]
    config = WhisperConfig(
        vocab_size=size.text_tokens + len(specials),
        num_mel_bins=size.num_mel_bins,
        d_model=size.d_model,
        encoder_layers=size.encoder_layers,
        decoder_layers=size.decoder_layers,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        encoder_ffn_dim=4 * size.d_model,
        decoder_ffn_dim=4 * size.d_model,
        max_source_positions=size.window_states,
        init_std=size.init_std,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=ids["<|startoftranscript|>"],
    )
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config)
    if not ends:
        with torch.no_grad():  # the logits of special tokens are 0, and many others are above
            model.model.decoder.embed_tokens.weight[end:] = 0.0
    layers, heads = size.decoder_layers, size.heads
    model.generation_config = GenerationConfig(
        alignment_heads=[[layers - 1, head] for head in range(min(2, heads))],
        begin_suppress_tokens=[size.text_tokens // 2, end],
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        is_multilingual=True,
        lang_to_id={f"<|{code}|>": ids[f"<|{code}|>"] for code in LANGUAGES[: size.languages]},
        max_initial_timestamp_index=50,
        max_length=448,
        no_timestamps_token_id=ids["<|notimestamps|>"],
        prev_sot_token_id=ids["<|startofprev|>"],
        return_timestamps=False,
        suppress_tokens=[1, 2, 7, 8, 9, *range(ids["<|translate|>"], ids["<|notimestamps|>"])],
        task_to_id={task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")},
    )
    model.save_pretrained(folder)
    _write_files(folder, size, specials)
    return folder


def _write_files(folder: Path, size: WhisperSize, specials: list[str]) -> None:
    vocabulary, merges = byte_level_vocabulary(size.text_tokens)
    added = [
        {
            "id": size.text_tokens + place,
            "content": token,
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
            "special": True,
        }
        for place, token in enumerate(specials)
    ]
    level: dict[str, Any] = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    model = {
        "type": "BPE",
        "vocab": {token: id_ for id_, token in enumerate(vocabulary)},
        "merges": [list(pair) for pair in merges],
        **dict.fromkeys(("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"), None),
        **dict.fromkeys(("fuse_unk", "byte_fallback", "ignore_merges"), False),
    }
    tokenizer = {
        "version": "1.0",
        **dict.fromkeys(("truncation", "padding", "normalizer", "post_processor"), None),
        "added_tokens": added,
        "pre_tokenizer": level,
        "decoder": level,
        "model": model,
    }
    features = {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": size.num_mel_bins,
        "chunk_length": size.window_states // 50,
        "hop_length": 160,
        "n_fft": 400,
        "n_samples": size.window_states * 320,
        "nb_max_frames": size.window_states * 2,
        "padding_value": 0.0,
        "padding_side": "right",
        "return_attention_mask": False,
        "sampling_rate": 16_000,
    }
    settings = {
        "tokenizer_class": "WhisperTokenizer",
        "eos_token": "<|endoftext|>",
        "bos_token": "<|endoftext|>",
    }
    for name, values in (
        ("tokenizer.json", tokenizer),
        ("tokenizer_config.json", settings),
        ("preprocessor_config.json", features),
    ):
        (folder / name).write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    card = "---\nlicense: apache-2.0\n---\n\nRandom weights, for tests and benchmarks.\n"
    (folder / "README.md").write_text(card, encoding="utf-8")
