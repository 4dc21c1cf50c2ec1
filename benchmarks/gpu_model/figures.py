"""What a run on the modelled device gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Figures:
    """Of a run. Shares are of its virtual time, ``elapsed_s``.

    Attributes:
        first_text_s: from the end of each utterance to its first token; infinite if it got none.
        first_audio_s: to its first waveform piece.
        host_s: the host's own time, and its launches.
        full_steps: steps whose sound filled the budget.
        heard_s: seconds of the utterances that were submitted.
        spoken_s: seconds of sound that was made.
    """

    elapsed_s: float = 0.0
    steps: int = 0
    decode_rows: int = 0
    most_waiting: int = 0
    most_slots: int = 0
    full_steps: int = 0
    host_s: float = 0.0
    heard_s: float = 0.0
    spoken_s: float = 0.0
    busy_s: dict[str, float] = field(default_factory=dict)
    first_text_s: list[float] = field(default_factory=list)
    first_audio_s: list[float] = field(default_factory=list)

    def percentile_ms(self, values: Sequence[float], percent: int) -> float:
        """Infinite if more than the rest got nothing."""
        if not values:
            return math.inf
        ordered = sorted(values)
        return 1000 * ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]

    @property
    def idle_share(self) -> float:
        """Of the device."""
        return max(0.0, 1 - sum(self.busy_s.values()) / self.elapsed_s)

    def as_dict(self) -> dict[str, Any]:
        """As printed and kept."""
        shares = {f"device, {name}": value / self.elapsed_s for name, value in self.busy_s.items()}
        times = {"first text": self.first_text_s, "first audio": self.first_audio_s}
        return {
            "steps a second": round(self.steps / self.elapsed_s, 1),
            "rows of a decode step": round(self.decode_rows / max(1, self.steps), 1),
            "device idle": round(self.idle_share, 3),
            "host busy": round(self.host_s / self.elapsed_s, 3),
            **{name: round(value, 3) for name, value in sorted(shares.items())},
            **{
                f"{name} p{percent}, ms": _rounded(self.percentile_ms(values, percent))
                for name, values in times.items()
                for percent in (50, 95)
            },
            "device, ms a second of speech": round(1000 * sum(self.busy_s.values()) / (self.heard_s or 1), 2),
            "host, ms a second of speech": round(1000 * self.host_s / (self.heard_s or 1), 2),
            "sound a second, s": round(self.spoken_s / self.elapsed_s, 1),
            "steps whose sound filled the budget": round(self.full_steps / max(1, self.steps), 3),
            "most slots": self.most_slots,
            "most waiting": self.most_waiting,
        }


def _rounded(milliseconds: float) -> float | str:
    return round(milliseconds, 1) if math.isfinite(milliseconds) else "never"
