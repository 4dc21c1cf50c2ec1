"""A Whisper checkpoint directory: verifies it and loads parts of it.

Required files, as ``save_pretrained`` writes them: ``config.json``, ``generation_config.json``,
``preprocessor_config.json`` (or ``processor_config.json``), ``tokenizer.json`` (or ``vocab.json``), and
``model.safetensors`` or its sharded form. ``MANIFEST.sha256`` is optional.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.description import Capabilities, read_json
from translate_svc.models.checkpoint.manifest import check_manifest
from translate_svc.models.checkpoint.weights import WeightFiles
from translate_svc.models.whisper.config import STATE_MS, WhisperConfig
from translate_svc.models.whisper.generation import ENGLISH, WhisperGeneration

_STORED = (
    ("cross_attention", "encoder_attn"),
    (".ffn.fc", ".fc"),
    ("ffn_layer_norm", "final_layer_norm"),
)
"""Parts of names: those of this package's layers, and those of the files."""


@dataclass(frozen=True, slots=True, eq=False)
class WhisperCheckpoint:
    """A verified directory. Weights are read when a module is loaded."""

    path: Path
    config: WhisperConfig
    generation: WhisperGeneration
    weights: WeightFiles

    @classmethod
    def open(cls, path: Path) -> WhisperCheckpoint:
        """Reads and verifies everything except the weights' values.

        Raises:
            CheckpointError: a file is missing, incomplete, of another model, or contradicts ``config.json``.
        """
        if not path.is_dir():
            raise CheckpointError("no such directory", field=path.name)
        check_manifest(path)
        config = WhisperConfig.from_mapping(read_json(path / "config.json"), path=path / "config.json")
        file = path / "generation_config.json"
        generation = WhisperGeneration.from_mapping(read_json(file), path=file, vocab_size=config.vocab_size)
        return cls(path, config, generation, WeightFiles(path, stored_name=_stored_name))

    def capabilities(self) -> Capabilities:
        """It writes English and what it hears, and speaks nothing."""
        return Capabilities(
            model_name=self.path.name,
            text_languages=self.generation.text_languages,
            speech_languages=(),
            speaker_ids={},
            speaker_count=0,
            encoder_frame_ms=STATE_MS,
            max_text_positions=self.config.max_target_positions,
            max_units=0,
            translation_languages=(ENGLISH,),
            reads_text=False,
        )


def _stored_name(name: str) -> str:
    for own, stored in _STORED:
        name = name.replace(own, stored)
    return name
