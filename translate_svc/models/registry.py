"""Finds the family of a checkpoint: by ``architectures`` in its ``config.json``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.description import read_json
from translate_svc.models.speech_model import ModelFamily

_FAMILIES: dict[str, str] = {
    "SeamlessM4Tv2Model": "translate_svc.models.seamless.family:SeamlessFamily",
    "WhisperForConditionalGeneration": "translate_svc.models.whisper.family:WhisperFamily",
}
"""By architecture, the ``module:callable`` that opens a directory. Imported when a checkpoint asks for it."""


def register(architecture: str, family: str) -> None:
    """Adds a family, or replaces one: ``module:callable``, which takes the directory of a checkpoint."""
    _FAMILIES[architecture] = family


def open_checkpoint(folder: Path) -> ModelFamily:
    """Reads and verifies everything except the weights' values.

    Raises:
        CheckpointError: no family has its architecture, or a file is missing, incomplete or contradicts
            another one.
    """
    named = read_json(folder / "config.json").get("architectures")
    architectures = named if isinstance(named, list) else []
    family = next((_FAMILIES[each] for each in architectures if each in _FAMILIES), None)
    if family is None:
        known = ", ".join(_FAMILIES)
        raise CheckpointError(f"architectures is {named!r}, none of {known}", field="config.json")
    module, _, name = family.partition(":")
    opened = cast(Callable[[Path], ModelFamily], getattr(import_module(module), name))
    return opened(folder)
