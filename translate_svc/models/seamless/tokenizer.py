"""Text tokens of a checkpoint: pieces and special ids. Does not import torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc.errors import CheckpointError
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.text_rules import NO_RULES, TextRules

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

MODEL_FILE = "sentencepiece.bpe.model"
CONFIG_FILE = "tokenizer_config.json"
_SPECIAL_PIECES = ("<unk>", "<s>", "</s>")
_SPACE = "\u2581"
PROMPT_TOKENS = 2
"""Every text begins with ``</s>`` and its language."""
_ID_OFFSET = 1
"""fairseq's convention: token id = piece id + 1, so that ``<pad>`` is 0, ``<unk>`` 1, ``</s>`` 3."""
_EOS = _SPECIAL_PIECES.index("</s>") + _ID_OFFSET


class SentencePieceTokenizer:
    """Ids and pieces. Immutable, so it is safe to share between threads.

    Args:
        processor: a loaded ``SentencePieceProcessor``; its pieces begin with ``<unk>``, ``<s>``, ``</s>``.
        languages: token id by Seamless code. All ids after the pieces are special.
    """

    def __init__(self, processor: SentencePieceProcessor, languages: Mapping[str, int]) -> None:
        self._processor = processor
        self._pieces = _pieces(processor)
        self._languages = dict(languages)

    @classmethod
    def from_pretrained(
        cls, folder: Path, *, config: ModelConfig, languages: Mapping[str, int]
    ) -> SentencePieceTokenizer:
        """Reads ``sentencepiece.bpe.model`` and checks it against the other files.

        Args:
            folder: the checkpoint directory.
            config: its architecture.
            languages: ``text_decoder_lang_to_code_id`` of its generation configuration.

        Raises:
            CheckpointError: a file is missing or incomplete, or its token ids differ from those of the model.
        """
        processor = _load_processor(folder / MODEL_FILE)
        pieces = _pieces(processor)
        if pieces[: len(_SPECIAL_PIECES)] != _SPECIAL_PIECES:
            raise CheckpointError(f"does not begin with {', '.join(_SPECIAL_PIECES)}", field=MODEL_FILE)
        if config.eos_token_id != _EOS:
            raise CheckpointError(f"eos_token_id is {config.eos_token_id}, </s> is 3", field="config.json")
        first = len(pieces) + _ID_OFFSET
        if not all(first <= id_ < config.vocab_size for id_ in languages.values()):
            message = f"has {len(pieces)} pieces: language ids must lie in [{first}, {config.vocab_size})"
            raise CheckpointError(message, field=MODEL_FILE)
        for code, named in _named_languages(folder / CONFIG_FILE).items():
            if languages.get(code, named) != named:
                message = f"__{code}__ is token {named} here and {languages[code]} in generation_config.json"
                raise CheckpointError(message, field=CONFIG_FILE)
        return cls(processor, languages)

    @property
    def eos_token_id(self) -> int:
        """``</s>``: starts every prompt and ends every text."""
        return _EOS

    @property
    def text_rules(self) -> TextRules:
        """None."""
        return NO_RULES

    def id_to_piece(self, token_id: int) -> str:
        """The piece: ``\u2581`` stands for a space, ``<0xE2>`` for one byte. Special ids give ``""``."""
        return "" if self.is_special(token_id) else self._pieces[token_id - _ID_OFFSET]

    def is_special(self, token_id: int) -> bool:
        """True for ids that are never text: ``<pad>``, ``<unk>``, ``<s>``, ``</s>``, languages, unused."""
        return not len(_SPECIAL_PIECES) <= token_id - _ID_OFFSET < len(self._pieces)

    def prompt(self, target_language: str, source_language: str | None = None) -> tuple[int, ...]:
        """``</s>`` and the token that makes the decoder write ``target_language``. The source has no token.

        Raises:
            KeyError: the checkpoint does not know the target language.
        """
        return self.eos_token_id, self._languages[target_language]

    def source_tokens(self, text: str, language: str) -> tuple[int, ...]:
        """The input of the text encoder: ``__language__``, the text's tokens, ``</s>``.

        SentencePiece tokenizes, with the normalisation rules in the model file, as in the training of the
        weights. It never reads control tokens: ``</s>`` or ``__spa__`` within ``text`` are ordinary
        characters. Any run of white space becomes one space, even if those rules do not say so. Each run of
        characters that the vocabulary does not know becomes one ``<unk>``.

        Raises:
            KeyError: the checkpoint does not know the language.
        """
        ids = self._processor.encode(" ".join(text.replace(_SPACE, " ").split()))
        return (self._languages[language], *(id_ + _ID_OFFSET for id_ in ids), self.eos_token_id)


def _load_processor(path: Path) -> SentencePieceProcessor:
    import sentencepiece  # imported here so that the models can be imported without it

    if not path.is_file():
        raise CheckpointError("is missing", field=path.name)
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(path.read_bytes())
    except (OSError, RuntimeError) as error:
        raise CheckpointError("is not a sentencepiece model", field=path.name) from error
    return processor


def _pieces(processor: SentencePieceProcessor) -> tuple[str, ...]:
    return tuple(processor.id_to_piece(list(range(processor.get_piece_size()))))


def _named_languages(path: Path) -> dict[str, int]:
    """Languages whose ids ``tokenizer_config.json`` states. Older files state them, newer ones do not."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        added = values.get("added_tokens_decoder") or {}
        contents = {int(id_): token["content"] for id_, token in added.items()}
    except FileNotFoundError as error:
        raise CheckpointError("is missing", field=path.name) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError("cannot be read as a tokenizer's configuration", field=path.name) from error
    return {
        content.strip("_"): id_
        for id_, content in contents.items()
        if content.startswith("__") and content.endswith("__")
    }
