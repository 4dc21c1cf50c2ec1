"""How encoded audio is laid out in messages: bytes that may be cut, or packets that may not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.errors import InvalidArgument


class Carrier(Protocol):
    """A message with both fields, such as ``AudioClip`` and ``SpeechChunk``. An encoding uses one of them."""

    @property
    def data(self) -> bytes: ...

    @property
    def packets(self) -> tuple[bytes, ...]: ...


class Framing(Protocol):
    """Handles encoded audio without decoding it. A part is what a decoder takes in one call."""

    @property
    def field_name(self) -> Literal["data", "packets"]:
        """The field of a message that the encoding uses; the other one stays empty."""

    def part_name(self, index: int) -> str:
        """The name of one part in that field, for errors."""

    def parts(self, carrier: Carrier) -> tuple[bytes, ...]:
        """The parts in the field ``field_name``."""

    def pack(self, parts: Iterable[bytes]) -> EncodedChunk:
        """The inverse of ``parts``. ``sample_count`` of the result is 0."""

    def count_samples(self, part: bytes, channels: int, *, field: str) -> int:
        """Samples per channel that ``part`` decodes to. Raises ``InvalidArgument``, naming ``field``."""

    def cut(self, part: bytes, channels: int, max_bytes: int) -> Iterator[bytes]:
        """Cuts ``part`` into as few parts of at most ``max_bytes`` as possible.

        A part that cannot be cut further may be longer. ``count_samples`` has accepted ``part``.
        """


@dataclass(frozen=True, slots=True)
class ByteFraming:
    """Blocks of equal size, interleaved by channel. May be cut between any two samples.

    ``block_bytes`` bytes of one channel hold ``block_samples`` samples.
    """

    block_bytes: int
    block_samples: int = 1

    @property
    def field_name(self) -> Literal["data", "packets"]:
        return "data"

    def part_name(self, index: int) -> str:
        return "data"

    def parts(self, carrier: Carrier) -> tuple[bytes, ...]:
        return (carrier.data,)

    def pack(self, parts: Iterable[bytes]) -> EncodedChunk:
        return EncodedChunk(data=b"".join(parts))

    def count_samples(self, part: bytes, channels: int, *, field: str) -> int:
        """Samples per channel. Raises ``InvalidArgument``, naming ``field``, if the last block is cut."""
        all_channels_bytes = self.block_bytes * channels
        if len(part) % all_channels_bytes:
            raise InvalidArgument(
                f"{len(part)} bytes are no whole number of {all_channels_bytes}-byte samples", field=field
            )
        return len(part) // all_channels_bytes * self.block_samples

    def cut(self, part: bytes, channels: int, max_bytes: int) -> Iterator[bytes]:
        all_channels_bytes = self.block_bytes * channels
        step_bytes = max(max_bytes // all_channels_bytes, 1) * all_channels_bytes
        return (part[start : start + step_bytes] for start in range(0, len(part), step_bytes))


class CountPacket(Protocol):
    """Samples per channel that a packet decodes to. Raises ``InvalidArgument``, naming ``field``."""

    def __call__(self, packet: bytes, *, field: str) -> int: ...


@dataclass(frozen=True, slots=True)
class PacketFraming:
    """Packets; each states how many samples it holds."""

    count_packet: CountPacket

    @property
    def field_name(self) -> Literal["data", "packets"]:
        return "packets"

    def part_name(self, index: int) -> str:
        return f"packets[{index}]"

    def parts(self, carrier: Carrier) -> tuple[bytes, ...]:
        return carrier.packets

    def pack(self, parts: Iterable[bytes]) -> EncodedChunk:
        return EncodedChunk(packets=tuple(parts))

    def count_samples(self, part: bytes, channels: int, *, field: str) -> int:
        return self.count_packet(part, field=field)

    def cut(self, part: bytes, channels: int, max_bytes: int) -> Iterator[bytes]:
        return iter((part,))
