"""The line below a live translation: how loud the microphone is, and how far the speech is behind."""

from __future__ import annotations

import math

import numpy as np
from rich.text import Text

from translate_svc.types import Samples, SpeechChunk

_CELLS = 24
_FLOOR_DB = -60.0
_QUIET_DB = -50.0
_LOUD_DB = -3.0
_FALL_DB = 1.5
"""How much the shown level falls from one block to the next, so that an eye can follow it."""


class LiveMeter:
    """Levels are root mean squares in dBFS: 0 is the loudest square wave that fits."""

    def __init__(self) -> None:
        self.level_db = _FLOOR_DB
        self.lag_ms = 0

    def hear(self, samples: Samples) -> None:
        """Takes the next block of the microphone, mono ``[n]``."""
        power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
        now_db = 10 * math.log10(power) if power > 0 else _FLOOR_DB
        self.level_db = max(now_db, self.level_db - _FALL_DB, _FLOOR_DB)

    def play(self, chunk: SpeechChunk) -> None:
        """Takes the next chunk of speech, which knows how far it is behind."""
        self.lag_ms = chunk.output_lag_ms

    def __rich__(self) -> Text:
        filled = round(_CELLS * (1 - self.level_db / _FLOOR_DB))
        color = "red" if self.level_db > _LOUD_DB else "green" if self.level_db > _QUIET_DB else "dim"
        level = f"{self.level_db:4.0f} dB" if self.level_db > _FLOOR_DB else "  quiet"
        return Text.assemble(
            ("microphone ", "dim"),
            ("█" * filled, color),
            ("░" * (_CELLS - filled), "dim"),
            (f" {level}", "dim"),
            (f"   speech is {self.lag_ms / 1000:.1f} s behind" if self.lag_ms else "", "dim"),
        )
