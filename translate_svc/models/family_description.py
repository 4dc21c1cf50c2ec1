"""What is known of a family of models without its code for computing. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc.language_rule import NO_DETECTION, LanguageDetection
from translate_svc.models.checkpoint.description import Capabilities


@dataclass(frozen=True, slots=True)
class FamilyDescription:
    """Of one family.

    Attributes:
        model_type: as in ``config.json``.
        name: for people.
        required_files: files of a checkpoint beside weights, features and model card.
        optional_files: files that are of use where they are there.
        check_config: reads the parsed ``config.json`` at a path, and raises CheckpointError if it is that of
            another model or cannot be computed.
        capabilities: of a directory, whose weights are not read. Raises CheckpointError if a file is missing,
            incomplete or contradicts another one.
        language_detection: which spoken languages the model of a directory can tell.
    """

    model_type: str
    name: str
    required_files: tuple[str, ...]
    optional_files: tuple[str, ...]
    check_config: Callable[[Mapping[str, Any], Path], object]
    capabilities: Callable[[Path], Capabilities]
    language_detection: Callable[[Path], LanguageDetection] = lambda folder: NO_DETECTION
