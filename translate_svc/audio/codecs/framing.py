"""How encoded audio lies in messages: a run of bytes that may be cut, or packets that may not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.errors import InvalidArgument


class Carrier(Protocol):
    """A message that has both fields, of which an encoding uses one: ``AudioClip``, ``SpeechChunk``."""

    @property
    def data(self) -> bytes: ...

    @property
    def packets(self) -> tuple[bytes, ...]: ...


class Framing(Protocol):
    """What can be said of encoded audio without decoding it. A part is what a decoder takes at once."""

    @property
    def field_name(self) -> Literal["data", "packets"]:
        """The field of a message that the encoding uses; the other one stays empty."""

    def part_name(self, index: int) -> str:
        """The name of one part in that field, as errors tell it."""

    def parts(self, carrier: Carrier) -> tuple[bytes, ...]:
        """What ``field_name`` holds, part by part."""

    def pack(self, parts: Iterable[bytes]) -> EncodedChunk:
        """The inverse of ``parts``; its ``sample_count`` is 0."""

    def count_samples(self, part: bytes, channels: int, *, field: str) -> int:
        """Samples a channel that ``part`` decodes to. Raises ``InvalidArgument``, names ``field``."""

    def cut(self, part: bytes, channels: int, max_bytes: int) -> Iterator[bytes]:
        """``part`` in the smallest number of parts of at most ``max_bytes``; never less than can stand alone.

        ``count_samples`` has let ``part`` through.
        """


@dataclass(frozen=True, slots=True)
class ByteFraming:
    """A run of blocks of the same size, one of each channel in turn. It may be cut between any two.

    ``block_bytes`` of one channel stand for ``block_samples``.
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
        """Raises ``InvalidArgument``: the last block is not whole. Names ``field``."""
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
    """Samples a channel that a packet decodes to. Raises ``InvalidArgument``, which names ``field``."""

    def __call__(self, packet: bytes, *, field: str) -> int: ...


@dataclass(frozen=True, slots=True)
class PacketFraming:
    """Packets, each of which tells by itself how many samples it stands for."""

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
