"""Whisper, described; and everything in a directory except the weights. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.description import Capabilities, read_json
from translate_svc.models.family_description import FamilyDescription
from translate_svc.models.whisper.config import MODEL_TYPE, STATE_MS, WhisperConfig
from translate_svc.models.whisper.generation import ENGLISH, WhisperGeneration


@dataclass(frozen=True, slots=True, eq=False)
class WhisperDescription:
    """``config.json`` and ``generation_config.json`` of the directory ``path``."""

    path: Path
    config: WhisperConfig
    generation: WhisperGeneration

    @staticmethod
    def read(path: Path) -> WhisperDescription:
        """Reads the files and checks that they agree.

        Raises:
            CheckpointError: a file is missing, incomplete, of another model, or contradicts ``config.json``.
        """
        if not path.is_dir():
            raise CheckpointError("no such directory", field=path.name)
        config = WhisperConfig.from_mapping(read_json(path / "config.json"), path=path / "config.json")
        file = path / "generation_config.json"
        generation = WhisperGeneration.from_mapping(read_json(file), path=file, config=config)
        return WhisperDescription(path, config, generation)

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


DESCRIPTION = FamilyDescription(
    MODEL_TYPE,
    "Whisper",
    required_files=("config.json", "generation_config.json", "tokenizer.json"),
    optional_files=("tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json"),
    check_config=lambda values, path: WhisperConfig.from_mapping(values, path=path),
    capabilities=lambda folder: WhisperDescription.read(folder).capabilities(),
    language_detection=lambda folder: WhisperDescription.read(folder).generation.language_detection,
)
