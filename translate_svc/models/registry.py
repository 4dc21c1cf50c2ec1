"""Finds the family of a checkpoint: by ``architectures`` in its ``config.json``. Does not import torch
itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.description import read_json
from translate_svc.models.family_description import FamilyDescription

if TYPE_CHECKING:
    from translate_svc.models.checkpoint.reduction import Stages
    from translate_svc.models.speech_model import ModelFamily


OwnCalibration = Callable[["ModelFamily", Any, Sequence[Any], Callable[[], None]], str]
"""Of a family: the checkpoint, an ``Observer`` of it, clips as (samples, source language, target), and what
to call after each part of the work.
"""


class _Registered(NamedTuple):
    """``module:name`` of each part of a family. Imported when a checkpoint asks for it."""

    family: str
    """Opens a directory."""
    description: str = ""
    """A ``FamilyDescription``."""
    stages: str = ""
    """Makes the ``Stages`` of a directory, which may lack weights."""
    calibration: str = ""
    """Calibrates what this family alone has: see ``own_calibration``."""


_FAMILIES: dict[str, _Registered] = {
    "SeamlessM4Tv2Model": _Registered(
        "translate_svc.models.seamless.family:SeamlessFamily",
        "translate_svc.models.seamless.description:DESCRIPTION",
        "translate_svc.models.seamless.stages:stages_with_products",
    ),
    "WhisperForConditionalGeneration": _Registered(
        "translate_svc.models.whisper.family:WhisperFamily",
        "translate_svc.models.whisper.description:DESCRIPTION",
        "translate_svc.models.whisper.stages:stages_with_products",
        "translate_svc.models.whisper.window_calibration:calibrate_window",
    ),
}
"""By architecture."""


def register(architecture: str, family: str) -> None:
    """Adds a family, or replaces one: ``module:callable``, which takes the directory of a checkpoint."""
    _FAMILIES[architecture] = _Registered(family)


def open_checkpoint(folder: Path) -> ModelFamily:
    """Reads and verifies everything except the weights' values.

    Raises:
        CheckpointError: no family has its architecture, or a file is missing, incomplete or contradicts
            another one.
    """
    opened: Callable[[Path], ModelFamily] = _named(_registered(read_json(folder / "config.json")).family)
    return opened(folder)


def describe(folder: Path) -> FamilyDescription:
    """The description of a checkpoint's family. Reads ``config.json`` alone.

    Raises:
        CheckpointError: no family has its architecture.
    """
    return describe_config(read_json(folder / "config.json"))


def describe_config(config: Mapping[str, Any]) -> FamilyDescription:
    """As ``describe``, of the parsed ``config.json``."""
    return cast(FamilyDescription, _named(_registered(config).description))


def descriptions() -> list[FamilyDescription]:
    """Those of all families."""
    return [_named(each.description) for each in _FAMILIES.values() if each.description]


def stages_with_products(folder: Path) -> Stages:
    """The modules of a checkpoint that can be reduced to int8. The directory may lack weights.

    Raises:
        CheckpointError: no family has its architecture, or a file is missing.
    """
    made: Stages = _named(_registered(read_json(folder / "config.json")).stages)(folder)
    return made


def own_calibration(folder: Path) -> OwnCalibration | None:
    """What calibrates something that only this family has, and says what it has found; None without any."""
    name = _registered(read_json(folder / "config.json")).calibration
    return cast("OwnCalibration", _named(name)) if name else None


def _registered(config: Mapping[str, Any]) -> _Registered:
    named = config.get("architectures")
    architectures = named if isinstance(named, list) else []
    found = next(
        (_FAMILIES[each] for each in architectures if isinstance(each, str) and each in _FAMILIES), None
    )
    if found is None:
        known = ", ".join(_FAMILIES)
        raise CheckpointError(f"architectures is {named!r}, none of {known}", field="config.json")
    return found


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
