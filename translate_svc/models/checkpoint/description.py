"""The description of a checkpoint: everything in its directory except the weights.

Reading it is fast and does not need torch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.generation import GenerationMaps
from translate_svc.models.seamless.config import ModelConfig

SPEAKERS_FILE = "speakers.json"
FEATURES_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"
NESTED_FEATURES = "feature_extractor"
"""The key in ``PROCESSOR_FILE`` for the contents of ``FEATURES_FILE``: transformers 5 saves them there."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a loaded checkpoint can do. Languages are Seamless codes.

    Attributes:
        model_name: the directory's name.
        text_languages: languages it writes. A checkpoint does not say which languages it understands.
        speech_languages: languages it speaks.
        speaker_ids: voices by language, the default one first; only languages that ``speakers.json`` names.
        speaker_count: size of the vocoder's speaker table; valid ids are below it.
        encoder_frame_ms: duration of one frame of encoder output.
        max_text_positions: greatest number of tokens, prompt included.
        max_units: greatest number of units of one text (20 ms each).
        translation_languages: languages that it translates into. It writes the others of ``text_languages``
            only where they are spoken. None: all of them.
        reads_text: whether a source may be a text.
    """

    model_name: str
    text_languages: tuple[str, ...]
    speech_languages: tuple[str, ...]
    speaker_ids: Mapping[str, tuple[int, ...]]
    speaker_count: int
    encoder_frame_ms: int
    max_text_positions: int
    max_units: int
    translation_languages: tuple[str, ...] | None = None
    reads_text: bool = True

    def missing_voices(self, spoken: Collection[str]) -> str:
        """A message for the operator if the vocoder has languages that are not ``spoken``; otherwise empty.

        A language is spoken if ``speakers.json`` or the packaged table names a voice that exists.
        """
        silent = [code for code in self.speech_languages if code not in spoken]
        if not silent:
            return ""
        example = json.dumps({code: [0] for code in silent[:2]})
        return (
            f"{self.model_name} gives no speech in {', '.join(silent)}, only text: its vocoder knows these "
            f"languages, but no file says which speakers speak them. Write {SPEAKERS_FILE} into the model's "
            f"directory, such as {example}: for each language its speaker ids (0 to "
            f"{self.speaker_count - 1}), the default one first"
        )


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointDescription:
    """``config.json``, ``generation_config.json`` and ``speakers.json`` of the directory ``path``."""

    path: Path
    config: ModelConfig
    maps: GenerationMaps
    speakers: Mapping[str, tuple[int, ...]]

    @staticmethod
    def read(path: Path) -> CheckpointDescription:
        """Reads the files and checks that they agree.

        Raises:
            CheckpointError: a file is missing, incomplete, of another model, or contradicts ``config.json``.
        """
        if not path.is_dir():
            raise CheckpointError("no such directory", field=path.name)
        config = ModelConfig.from_mapping(read_json(path / "config.json"), path=path / "config.json")
        generation = path / "generation_config.json"
        maps = GenerationMaps.from_mapping(read_json(generation), path=generation)
        described = CheckpointDescription(path, config, maps, _read_speakers(path, config))
        described._verify_ids()
        return described

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

    def _verify_ids(self) -> None:
        config, maps = self.config, self.maps
        for name, ids, limit in (
            ("text_decoder_lang_to_code_id", maps.text_languages.values(), config.vocab_size),
            ("vocoder_lang_code_to_id", maps.vocoder_languages.values(), config.vocoder_num_langs),
            ("char_to_id", maps.char_to_id.values(), config.char_vocab_size),
        ):
            if max(ids, default=-1) >= limit:
                raise CheckpointError(f"{name} has ids beyond {limit - 1}", field="generation_config.json")


def read_feature_config(folder: Path) -> tuple[str, dict[str, Any]]:
    """Returns the name of the file that describes the speech encoder's features, and the description.

    As in transformers, ``processor_config.json`` takes precedence if it holds a feature extractor.

    Raises:
        CheckpointError: both files are missing, neither describes features, or one cannot be read.
    """
    has_features_file = (folder / FEATURES_FILE).exists()
    if (folder / PROCESSOR_FILE).exists():
        processor = read_json(folder / PROCESSOR_FILE)
        if NESTED_FEATURES in processor:
            nested = processor[NESTED_FEATURES]
            if not isinstance(nested, dict):
                raise CheckpointError(f"{NESTED_FEATURES} is not a JSON object", field=PROCESSOR_FILE)
            return PROCESSOR_FILE, nested
        if not has_features_file:
            message = f"has no {NESTED_FEATURES}, and {FEATURES_FILE} is missing"
            raise CheckpointError(message, field=PROCESSOR_FILE)
    if not has_features_file:
        message = f"is missing, and so is {PROCESSOR_FILE}: a model has one of them"
        raise CheckpointError(message, field=FEATURES_FILE)
    return FEATURES_FILE, read_json(folder / FEATURES_FILE)


def read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError("is missing", field=path.name) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError("cannot be read as JSON", field=path.name) from error
    if not isinstance(value, dict):
        raise CheckpointError("is not a JSON object", field=path.name)
    return value


def _read_speakers(folder: Path, config: ModelConfig) -> dict[str, tuple[int, ...]]:
    path = folder / SPEAKERS_FILE
    if not path.exists():
        return {}
    speakers: dict[str, tuple[int, ...]] = {}
    for code, ids in read_json(path).items():
        if not isinstance(ids, list) or not ids or not all(type(id_) is int for id_ in ids):
            raise CheckpointError(f"{code} must map to a list of speaker ids", field=SPEAKERS_FILE)
        if not all(0 <= id_ < config.vocoder_num_spkrs for id_ in ids):
            message = f"{code} names a speaker beyond {config.vocoder_num_spkrs - 1}"
            raise CheckpointError(message, field=SPEAKERS_FILE)
        speakers[code] = tuple(ids)
    return speakers
