"""The targets of fuzzing. Each module has ``seeds`` (the inputs to begin with), ``MAX_BYTES`` and ``run``.

``run`` takes one input and raises for a defect. It returns for whatever the contract allows, refusals
included.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

_OF_PROTOCOLS = ("telephone", "vosk", "gemini", "wyoming", "streamed", "sdp")
NAMES = ("wire", "codecs", "containers", "segmenter", "servicer", *_OF_PROTOCOLS)


@dataclass(frozen=True, slots=True)
class Target:
    """One of ``NAMES``."""

    name: str
    max_bytes: int
    seeds: tuple[bytes, ...]
    run: Callable[[bytes], None]

    @classmethod
    def load(cls, name: str) -> Target:
        """Imports the target's module."""
        module = importlib.import_module(f"fuzz.targets.{name}")
        return cls(name, module.MAX_BYTES, tuple(module.seeds()), module.run)
