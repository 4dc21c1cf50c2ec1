"""What a side made of the load, so that both can be compared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tokens of one text, without prompt and end, and the samples of its speech (0 without)."""

    token_ids: tuple[int, ...]
    speech_samples: int
