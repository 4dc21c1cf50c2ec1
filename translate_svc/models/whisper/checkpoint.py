"""A Whisper checkpoint directory: verifies it and loads parts of it.

Required files, as ``save_pretrained`` writes them: ``config.json``, ``generation_config.json``,
``preprocessor_config.json`` (or ``processor_config.json``), ``tokenizer.json`` (or ``vocab.json``), and
``model.safetensors`` or its sharded form. ``MANIFEST.sha256`` is optional.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.manifest import check_manifest
from translate_svc.models.checkpoint.weights import WeightFiles
from translate_svc.models.whisper.description import WhisperDescription

_STORED = (
    ("cross_attention", "encoder_attn"),
    (".ffn.fc", ".fc"),
    ("ffn_layer_norm", "final_layer_norm"),
)
"""Parts of names: those of this package's layers, and those of the files."""


@dataclass(frozen=True, slots=True, eq=False)
class WhisperCheckpoint(WhisperDescription):
    """A verified directory. Weights are read when a module is loaded."""

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
        described = WhisperDescription.read(path)
        weights = WeightFiles(path, stored_name=stored_name)
        return cls(path, described.config, described.generation, weights)


def stored_name(name: str) -> str:
    """The name in the files of what a module of this package calls so."""
    for own, stored in _STORED:
        name = name.replace(own, stored)
    return name
