"""What an encoder makes of a piece of audio."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """``data``, or ``packets``, as the framing of the encoding is.

    ``sample_count``: samples a channel that decoding yields once this chunk is there, look-ahead and padding
    not counted. The sum over a signal is its length.
    """

    data: bytes = b""
    packets: tuple[bytes, ...] = ()
    sample_count: int = 0

    def __add__(self, other: EncodedChunk) -> EncodedChunk:
        """This chunk and the one after it, as one."""
        return EncodedChunk(
            self.data + other.data, self.packets + other.packets, self.sample_count + other.sample_count
        )
