"""The starter's tokenizer: sentencepiece BPE in the layout of SeamlessM4T's own.

Ids as in the large checkpoints: 0 <pad>, 1 <unk>, 2 <s>, 3 </s>, then piece id + 1 of the sentencepiece
model, and the language tokens `__eng__`, `__spa__`, `__fra__`, `__deu__` after the vocabulary.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece

from training.starter.grammar import LANGUAGES

MODEL_FILE_NAME = "sentencepiece.bpe.model"
PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3
LANGUAGE_CODES: tuple[str, ...] = LANGUAGES
PIECE_COUNT = 799
VOCABULARY_SIZE = PIECE_COUNT + 1 + len(LANGUAGE_CODES)
WORD_MARK = "\u2581"


@dataclass(frozen=True, slots=True)
class StarterTokenizer:
    """Text to ids and back by sentencepiece itself (no language tokens, no </s>: callers add them)."""

    pieces: sentencepiece.SentencePieceProcessor

    @classmethod
    def load(cls, folder: Path) -> StarterTokenizer:
        return cls(sentencepiece.SentencePieceProcessor(model_file=str(folder / MODEL_FILE_NAME)))

    def encode(self, text: str) -> list[int]:
        return [piece_id + 1 for piece_id in self.pieces.encode(text)]

    def decode(self, token_ids: Iterable[int]) -> str:
        """Special and language tokens are left out."""
        return str(
            self.pieces.decode([token_id - 1 for token_id in token_ids if EOS_ID < token_id <= PIECE_COUNT])
        )

    def language_id(self, language: str) -> int:
        return PIECE_COUNT + 1 + LANGUAGE_CODES.index(language)

    def id_to_piece(self, token_id: int) -> str:
        """The piece of an ordinary token id, with the word mark U+2581."""
        return str(self.pieces.id_to_piece(token_id - 1))

    def text_token_ids(self) -> range:
        return range(EOS_ID + 1, PIECE_COUNT + 1)

    def characters(self) -> list[str]:
        """Every character that a piece contains, word mark included, sorted."""
        return sorted(
            {character for token_id in self.text_token_ids() for character in self.id_to_piece(token_id)}
        )


def train(sentences: Sequence[str], folder: Path) -> None:
    """Trains BPE on `sentences` and writes the files that transformers and the service read into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, model_type="bpe", vocab_size=PIECE_COUNT,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, character_coverage=1.0, normalization_rule_name="nfkc",
        num_threads=1, minloglevel=2,
    )  # fmt: skip
    model_path = folder / MODEL_FILE_NAME
    model_path.write_bytes(model.getvalue())
    _write_transformers_files(model_path, folder)


def _write_transformers_files(model_path: Path, folder: Path) -> None:
    """tokenizer.json, transformers' own conversion of the sentencepiece model, which its save leaves out."""
    from transformers import SeamlessM4TTokenizer

    language_tokens = [f"__{code}__" for code in LANGUAGE_CODES]
    source = folder / "source"
    source.mkdir(exist_ok=True)
    shutil.copy(model_path, source / MODEL_FILE_NAME)
    config = {
        "tokenizer_class": "SeamlessM4TTokenizer", "additional_special_tokens": language_tokens,
        "src_lang": "eng", "tgt_lang": "spa", "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>",
        "cls_token": "<s>", "unk_token": "<unk>", "pad_token": "<pad>",
    }  # fmt: skip
    (source / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    SeamlessM4TTokenizer.from_pretrained(source).save_pretrained(folder)
    shutil.rmtree(source)
