"""Encoded audio, as an encoder returns it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """``data`` or ``packets``, by the framing of the encoding; the other is empty.

    ``sample_count``: samples per channel that this chunk adds to the decoded signal, without look-ahead and
    padding. The sum over a signal is its length.
    """

    data: bytes = b""
    packets: tuple[bytes, ...] = ()
    sample_count: int = 0

    def __add__(self, other: EncodedChunk) -> EncodedChunk:
        """Joins this chunk and the next one."""
        return EncodedChunk(
            self.data + other.data, self.packets + other.packets, self.sample_count + other.sample_count
        )
