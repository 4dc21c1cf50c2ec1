"""How fast a model can be on this machine, from measured products, without its weights."""

from __future__ import annotations

from dataclasses import dataclass

TOKENS_PER_SECOND = 4
"""Of speech: the text that one second of it becomes, at an ordinary pace."""


@dataclass(frozen=True, slots=True)
class SpeedEstimate:
    """Seconds of computing. Matrix products and the vocoder alone: attention, norms and features come on top.

    Attributes:
        encode_s: for one second of speech.
        step_s: of one decode step with ``rows`` rows.
        rows: texts that are decoded together.
        speak_s: text-to-unit and vocoder, for one second of speech that is spoken.
    """

    encode_s: float
    step_s: float
    rows: int
    speak_s: float

    def part_of_real_time(self, *, speech: bool) -> float:
        """Of one stream that speaks without a pause, where ``rows`` such streams are served together."""
        text = self.encode_s + TOKENS_PER_SECOND * self.step_s / self.rows
        return text + self.speak_s if speech else text
