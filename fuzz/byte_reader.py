"""Numbers and pieces out of the bytes that a fuzzer makes up."""

from __future__ import annotations


class ByteReader:
    """Reads from the front. At the end everything is zero or empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def __len__(self) -> int:
        """Bytes that are left."""
        return len(self._data) - self._place

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes, or fewer at the end."""
        taken = self._data[self._place : self._place + count]
        self._place += len(taken)
        return taken

    def number(self, low: int, high: int) -> int:
        """A number within [low, high], of two bytes."""
        return low + int.from_bytes(self.take(2), "little") % (high - low + 1)

    def piece(self) -> bytes:
        """A piece that says its own length, of at most 64 KiB."""
        return self.take(self.number(0, 65_535))


def piece(data: bytes) -> bytes:
    """Bytes that ``ByteReader.piece`` reads as ``data``. For seeds."""
    return len(data).to_bytes(2, "little") + data


def number(value: int, low: int) -> bytes:
    """Bytes that ``ByteReader.number`` reads as ``value``. For seeds."""
    return (value - low).to_bytes(2, "little")
