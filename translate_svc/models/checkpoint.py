"""A SeamlessM4T v2 checkpoint directory: find it, verify it, load parts of it.

Expected files, as ``save_pretrained`` writes them: ``config.json``, ``generation_config.json``,
``preprocessor_config.json``, the tokenizer's, and ``model.safetensors`` or its sharded form. Optional:
``speakers.json`` (``{"eng": [3, 5], ...}``: the vocoder's speaker ids by language, the default one first) and
``MANIFEST.sha256`` (lines as ``sha256sum`` writes them), which is verified when it is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from translate_svc.errors import CheckpointError
from translate_svc.models.characters import CharacterTable
from translate_svc.models.config import ModelConfig
from translate_svc.models.features import FeatureExtractor
from translate_svc.models.generation import GenerationMaps
from translate_svc.models.weights import WeightFiles

MANIFEST_FILE = "MANIFEST.sha256"
SPEAKERS_FILE = "speakers.json"
_HASH_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a loaded checkpoint can do. Languages are Seamless codes.

    Attributes:
        model_name: the directory's name.
        text_languages: into these it writes. A checkpoint does not tell which it understands.
        speech_languages: into these it speaks.
        speaker_ids: voices of a language, the default one first, for languages that ``speakers.json`` names.
        speaker_count: ids below this exist in the vocoder's table.
        encoder_frame_ms: one frame of encoder output.
        max_text_positions: greatest number of tokens, prompt included.
        max_units: greatest number of units of one text (20 ms each).
    """

    model_name: str
    text_languages: tuple[str, ...]
    speech_languages: tuple[str, ...]
    speaker_ids: Mapping[str, tuple[int, ...]]
    speaker_count: int
    encoder_frame_ms: int
    max_text_positions: int
    max_units: int


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A verified directory. Weights are read when a module is loaded."""

    path: Path
    config: ModelConfig
    maps: GenerationMaps
    speakers: Mapping[str, tuple[int, ...]]
    weights: WeightFiles

    @classmethod
    def open(cls, path: Path) -> Checkpoint:
        """Reads and verifies everything except the weights' values.

        Raises:
            CheckpointError: a file is missing, torn, another model's, or contradicts ``config.json``.
        """
        if not path.is_dir():
            raise CheckpointError("no such directory", field=path.name)
        _verify_manifest(path)
        config = ModelConfig.from_mapping(_read_json(path / "config.json"), path=path / "config.json")
        generation = path / "generation_config.json"
        maps = GenerationMaps.from_mapping(_read_json(generation), path=generation)
        checkpoint = cls(path, config, maps, _read_speakers(path, config), WeightFiles(path))
        checkpoint._verify_ids()
        return checkpoint

    def capabilities(self) -> Capabilities:
        """Languages, voices and limits."""
        config = self.config
        return Capabilities(
            model_name=self.path.name,
            text_languages=tuple(sorted(self.maps.text_languages)),
            speech_languages=tuple(sorted(self.maps.vocoder_languages)),
            speaker_ids=self.speakers,
            speaker_count=config.vocoder_num_spkrs,
            encoder_frame_ms=config.encoder_frame_ms,
            max_text_positions=config.max_position_embeddings,
            max_units=config.t2u_max_position_embeddings,
        )

    def character_table(self) -> CharacterTable:
        """The character view of text tokens that text-to-unit needs."""
        config = self.config
        silent = {config.pad_token_id, config.bos_token_id, config.eos_token_id}
        return CharacterTable(
            self.maps.id_to_text,
            self.maps.char_to_id,
            silent_ids=silent.union(self.maps.text_languages.values()),
        )

    def feature_extractor(self) -> FeatureExtractor:
        """Samples to features as this checkpoint was trained on.

        Raises:
            CheckpointError: ``preprocessor_config.json`` is missing or asks for other features.
        """
        extractor = FeatureExtractor.from_pretrained(self.path)
        if extractor.feature_size != self.config.feature_projection_input_dim:
            raise CheckpointError(
                f"makes {extractor.feature_size} numbers a frame, config.json asks for "
                f"{self.config.feature_projection_input_dim}",
                field="preprocessor_config.json",
            )
        return extractor

    def load(self, module: nn.Module, prefix: str, *, device: torch.device, dtype: torch.dtype) -> None:
        """Fills a module of this package with the weights behind ``prefix``.

        Raises:
            CheckpointError: weights are missing, torn, or do not fit ``config.json``.
        """
        self.weights.load(module, prefix, device=device, dtype=dtype)

    def _verify_ids(self) -> None:
        config, maps = self.config, self.maps
        for name, ids, limit in (
            ("text_decoder_lang_to_code_id", maps.text_languages.values(), config.vocab_size),
            ("vocoder_lang_code_to_id", maps.vocoder_languages.values(), config.vocoder_num_langs),
            ("char_to_id", maps.char_to_id.values(), config.char_vocab_size),
        ):
            if max(ids, default=-1) >= limit:
                raise CheckpointError(f"{name} has ids beyond {limit - 1}", field="generation_config.json")


def find_checkpoint(name: str, cache: Path) -> Path:
    """The directory that ``name`` means: a path (it contains a separator, or starts with a dot), else
    ``cache/name``.

    Raises:
        CheckpointError: it is not there.
    """
    given = Path(name).expanduser()
    path = given if len(given.parts) > 1 or name.startswith(".") else cache / name
    if not path.is_dir():
        raise CheckpointError(f"no model directory at {path}", field="model")
    return path.resolve()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError("is missing", field=path.name) from error
    except (OSError, ValueError) as error:
        raise CheckpointError("cannot be read as JSON", field=path.name) from error
    if not isinstance(value, dict):
        raise CheckpointError("is not a JSON object", field=path.name)
    return value


def _read_speakers(folder: Path, config: ModelConfig) -> dict[str, tuple[int, ...]]:
    path = folder / SPEAKERS_FILE
    if not path.exists():
        return {}
    speakers: dict[str, tuple[int, ...]] = {}
    for code, ids in _read_json(path).items():
        if not isinstance(ids, list) or not ids or not all(type(id_) is int for id_ in ids):
            raise CheckpointError(f"{code} must map to a list of speaker ids", field=SPEAKERS_FILE)
        if not all(0 <= id_ < config.vocoder_num_spkrs for id_ in ids):
            message = f"{code} names a speaker beyond {config.vocoder_num_spkrs - 1}"
            raise CheckpointError(message, field=SPEAKERS_FILE)
        speakers[code] = tuple(ids)
    return speakers


def _verify_manifest(folder: Path) -> None:
    path = folder / MANIFEST_FILE
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, file = line.partition(" ")
        file = file.lstrip(" *")
        if len(digest) != 64 or not file or ".." in Path(file).parts or Path(file).is_absolute():
            raise CheckpointError("is not a list of sha256 sums of files beside it", field=MANIFEST_FILE)
        if not (folder / file).is_file():
            raise CheckpointError(f"is missing, {MANIFEST_FILE} names it", field=file)
        if _sha256(folder / file) != digest.lower():
            raise CheckpointError(f"differs from its sha256 in {MANIFEST_FILE}", field=file)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
