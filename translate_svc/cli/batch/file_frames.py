"""Frames between the process of the engine and those that read files: a length, and a pickled object.

Both ends are processes of one command, so what is unpickled is trusted.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("!Q")


def frame(value: object) -> bytes:
    """One frame."""
    data = pickle.dumps(value)
    return _LENGTH.pack(len(data)) + data


def write_frame(file: BinaryIO, value: object) -> None:
    """Writes one frame, and waits until it has gone."""
    file.write(frame(value))
    file.flush()


def read_frame(file: BinaryIO) -> Any:
    """The next frame; None at the end, also in the middle of a frame."""
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = file.read(length)
    return pickle.loads(data) if len(data) == length else None


async def receive_frame(stream: asyncio.StreamReader) -> Any:
    """As ``read_frame``."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return pickle.loads(await stream.readexactly(length))
    return None
