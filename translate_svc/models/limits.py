"""Sizes of a model's caches."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.errors import InvalidArgument

MAX_TAIL_PADDING_MS = 1_000
"""The most background that is appended to the sound of an utterance."""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """Sizes of the decoder's caches.

    Attributes:
        max_slots: number of rows, and so of sequences that decode together.
        max_slot_tokens: most tokens fed to one sequence, prompt included; sizes the self-attention caches.
        max_source_samples: longest utterance (16 kHz); sizes the cross-attention caches.
        max_source_tokens: longest source text in tokens, with those that frame it; the cross-attention
            caches must hold it too.
    """

    max_slots: int
    max_slot_tokens: int
    max_source_samples: int
    max_source_tokens: int

    def check(self, *, prompt_tokens: int, positions: int, reads_text: bool = True) -> None:
        """Checks that a model with such a prompt and so many positions can hold a text, and a source if it
        ``reads_text``.

        Raises:
            InvalidArgument: the model cannot hold a limit; ``field`` names the limit.
        """
        for name in ("max_slot_tokens", *(["max_source_tokens"] if reads_text else [])):
            if not prompt_tokens < getattr(self, name) <= positions:
                message = f"must lie in [{prompt_tokens + 1}, {positions}] for this checkpoint"
                raise InvalidArgument(message, field=name)
