"""A tiny checkpoint as facebook/seamless-m4t-v2-large lies on the hub: its files, names and maps, in small.

The published repository was written by transformers 4.36 from Meta's own files, which still lie beside:
sharded float32 safetensors with an index, the slow tokenizer's files without a ``tokenizer.json``, languages
spelt out in ``tokenizer_config.json``, maps over the whole vocabulary, no ``speakers.json``, and pickles.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.tiny_checkpoint import LANGUAGES, PIECE_COUNT, build_tiny_checkpoint

HUB_ID = "facebook/seamless-m4t-v2-large"
LFS_SUFFIXES = (".safetensors", ".model", ".pt")
NEEDLESS_FILES = (
    ".gitattributes",
    "m4t_v2_multitask_unity2.pt",
    "seamlessm4t_arch.svg",
    "spm_char_lang38_tc.model",
    "tokenizer.model",
    "vocoder_v2.pt",
)
_SPECIAL_TOKENS = ("<pad>", "<unk>", "<s>", "</s>")
_DATA_TOKENS = ("<MINED_DATA>", "<MMT_BT_DATA>", "<SMT_BT_DATA>")
"""After the languages: the kind of training data a text came from. Never written, yet in the vocabulary."""
_VOCABULARY = PIECE_COUNT + 1 + len(LANGUAGES) + len(_DATA_TOKENS)
_CARD = """---
license: cc-by-nc-4.0
language:
- eng
- spa
- fra
metrics:
- bleu
inference: false
pipeline_tag: automatic-speech-recognition
tags:
- audio-to-audio
library_name: transformers
---

# SeamlessM4T v2
"""


def build_published_layout(folder: Path, *, max_shard_size: str = "700KB", **overrides: Any) -> Path:
    """Writes the repository into ``folder``, which is created, and returns it."""
    fields = {
        "vocoder_num_spkrs": 200,  # the language table's voices, English 10 and Spanish 45, exist
        "vocab_size": _VOCABULARY,
        "encoder_layers": 3,  # as many as the decoder has: `num_hidden_layers` stands for both
    }
    build_tiny_checkpoint(folder, max_shard_size=max_shard_size, **(fields | overrides))
    for name in ("speakers.json", "tokenizer.json"):
        (folder / name).unlink(missing_ok=True)
    _edit(folder / "config.json", _as_written_in_2023)
    _edit(folder / "generation_config.json", _map_every_id)
    _edit(folder / "preprocessor_config.json", _name_languages)
    _write_slow_tokenizer(folder)
    (folder / "README.md").write_text(_CARD, encoding="utf-8")
    for name in NEEDLESS_FILES:
        (folder / name).write_bytes(b"nobody needs " + name.encode())
    return folder


def _as_written_in_2023(config: dict[str, Any]) -> dict[str, Any]:
    del config["dtype"], config["tie_word_embeddings"]
    heads, layers = config["encoder_attention_heads"], config["encoder_layers"]
    return config | {
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "torch_dtype": "float32",
        "transformers_version": "4.36.0.dev0",
    }


def _map_every_id(config: dict[str, Any]) -> dict[str, Any]:
    """Meta's tokenizer was asked for the text of every id: control symbols and languages have one too."""
    behind_pieces = [*(f"__{code}__" for code in LANGUAGES), *_DATA_TOKENS]
    specials = dict(enumerate(_SPECIAL_TOKENS)) | dict(enumerate(behind_pieces, PIECE_COUNT + 1))
    texts = {int(id_): text for id_, text in config["id_to_text"].items()} | specials
    return config | {
        "id_to_text": {str(id_): texts.get(id_, "▁") for id_ in range(_VOCABULARY)},
        "char_to_id": {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3} | config["char_to_id"],
        "transformers_version": "4.36.0.dev0",
    }


def _name_languages(config: dict[str, Any]) -> dict[str, Any]:
    return config | {
        "language_code": [f"__{code}__" for code in LANGUAGES],
        "processor_class": "SeamlessM4TProcessor",
    }


def _write_slow_tokenizer(folder: Path) -> None:
    languages = {f"__{code}__": PIECE_COUNT + 1 + index for index, code in enumerate(LANGUAGES)}
    ids = {token: index for index, token in enumerate(_SPECIAL_TOKENS)} | languages
    named = {
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "sep_token": "</s>",
        "unk_token": "<unk>",
    }
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    _write(folder / "added_tokens.json", languages)
    _write(folder / "special_tokens_map.json", {"additional_special_tokens": list(languages)} | named)
    _write(
        folder / "tokenizer_config.json",
        {
            "added_tokens_decoder": {str(id_): {"content": token} | flags for token, id_ in ids.items()},
            "additional_special_tokens": list(languages),
            "clean_up_tokenization_spaces": True,
            "model_max_length": 1000000000000000019884624838656,
            "processor_class": "SeamlessM4TProcessor",
            "sp_model_kwargs": {},
            "src_lang": "__eng__",
            "tgt_lang": "__fra__",
            "tokenizer_class": "SeamlessM4TTokenizer",
            "tokenizer_file": None,
        }
        | named,
    )


def _edit(path: Path, change: Any) -> None:
    _write(path, change(json.loads(path.read_text(encoding="utf-8"))))


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
