"""SentencePieceTokenizer: the pieces and special ids that transformers sees."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from tests.checkpoints import checkpoint_folder
from tests.models.seamless.modules import checkpoint
from tests.tiny_checkpoint import LANGUAGES, PIECE_COUNT
from translate_svc.errors import CheckpointError
from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer


def load(folder: Path, **languages: int) -> SentencePieceTokenizer:
    whole = checkpoint("tiny")
    return SentencePieceTokenizer.from_pretrained(
        folder, config=whole.config, languages=languages or whole.maps.text_languages
    )


@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_ids_are_transformers_ids(name: str) -> None:
    folder, whole = checkpoint_folder(name), checkpoint(name)
    theirs: Any = transformers.SeamlessM4TTokenizer.from_pretrained(folder)
    ours = SentencePieceTokenizer.from_pretrained(
        folder, config=whole.config, languages=whole.maps.text_languages
    )
    special = set(theirs.all_special_ids) | set(whole.maps.text_languages.values())
    for token_id in range(len(theirs)):
        assert ours.is_special(token_id) == (token_id in special), token_id
        expected = "" if token_id in special else theirs.convert_ids_to_tokens(token_id)
        assert ours.id_to_piece(token_id) == expected
    assert ours.eos_token_id == theirs.eos_token_id
    for code, token_id in whole.maps.text_languages.items():
        assert ours.prompt(code)[1] == token_id == theirs.convert_tokens_to_ids(f"__{code}__")


def test_ids_outside_the_pieces_are_special() -> None:
    tokenizer = load(checkpoint_folder("tiny"))
    for token_id in (-1, 0, 1, 2, 3, PIECE_COUNT + 1, PIECE_COUNT + len(LANGUAGES) + 1, 10**6):
        assert tokenizer.is_special(token_id)
        assert tokenizer.id_to_piece(token_id) == ""
    assert tokenizer.id_to_piece(4) != ""
    assert tokenizer.id_to_piece(PIECE_COUNT) != ""


def test_an_unknown_language_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load(checkpoint_folder("tiny")).prompt("deu")


def drop_model(folder: Path) -> None:
    (folder / "sentencepiece.bpe.model").unlink()


def tear_model(folder: Path) -> None:
    (folder / "sentencepiece.bpe.model").write_bytes(b"\x0a\xff\xff not a model")


def drop_config(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()


def nest_config(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("[" * 100_000)


def rename_language(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    added = {"99": {"content": "__eng__"}, "5": {"content": "<mined>"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"added_tokens_decoder": added}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (drop_model, "sentencepiece.bpe.model: is missing"),
        (tear_model, "sentencepiece.bpe.model: is not a sentencepiece model"),
        (drop_config, "tokenizer_config.json: is missing"),
        (nest_config, "tokenizer_config.json: cannot be read as a tokenizer's configuration"),
        (rename_language, "tokenizer_config.json: __eng__ is token 99 here and 97 in generation_config.json"),
    ],
)
def test_a_damaged_tokenizer_is_refused(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    folder = shutil.copytree(checkpoint_folder("tiny"), tmp_path / "model")
    load(folder)
    damage(folder)
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert str(caught.value) == said


@pytest.mark.parametrize("token_id", [PIECE_COUNT, PIECE_COUNT + 4])
def test_language_ids_lie_behind_the_pieces(token_id: int) -> None:
    with pytest.raises(CheckpointError, match="language ids must lie in"):
        load(checkpoint_folder("tiny"), eng=token_id)


def test_the_tokenizer_imports_no_torch() -> None:
    program = "import sys, translate_svc.models.seamless.tokenizer; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
