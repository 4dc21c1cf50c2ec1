"""The maps of ``generation_config.json``: languages, token texts, characters. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class GenerationMaps:
    """The meaning of ids, which the weights do not contain.

    Attributes:
        text_languages: decoder token by language (Seamless codes: ``eng``).
        vocoder_languages: row of the vocoder's language table by language. Only languages that text-to-unit
            and the text decoder also know.
        id_to_text: text piece by token id.
        char_to_id: text-to-unit's character id by character.
    """

    text_languages: Mapping[str, int]
    vocoder_languages: Mapping[str, int]
    id_to_text: Mapping[int, str]
    char_to_id: Mapping[str, int]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, path: Path) -> GenerationMaps:
        """Reads the parsed ``generation_config.json`` at ``path``.

        Raises:
            CheckpointError: a map is missing or holds anything other than names and ids.
        """
        text = _ids(values, "text_decoder_lang_to_code_id", path)
        units = _ids(values, "t2u_lang_code_to_id", path)
        vocoder = _ids(values, "vocoder_lang_code_to_id", path)
        pieces = _map(values, "id_to_text", path)
        if not all(key.isdecimal() and isinstance(piece, str) for key, piece in pieces.items()):
            raise CheckpointError("id_to_text must map token ids to strings", field=path.name)
        return cls(
            text_languages=text,
            vocoder_languages={code: row for code, row in vocoder.items() if code in units and code in text},
            id_to_text={int(key): piece for key, piece in pieces.items()},
            char_to_id=_ids(values, "char_to_id", path),
        )


def _map(values: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    found = values.get(name)
    if not isinstance(found, dict) or not found:
        raise CheckpointError(f"{name} is missing or not a map", field=path.name)
    return found


def _ids(values: Mapping[str, Any], name: str, path: Path) -> dict[str, int]:
    found = _map(values, name, path)
    if not all(type(id_) is int and id_ >= 0 for id_ in found.values()):
        raise CheckpointError(f"{name} must map to ids", field=path.name)
    return found
