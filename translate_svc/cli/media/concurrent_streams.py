"""Sends the two sides of a recording at about the same time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence

from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.types import Samples


class ConcurrentStreams:
    """No side gets more than ``max_ahead_samples`` ahead of the other.

    A side on which nobody speaks is translated faster. Its end would be reached long before, and the lines of
    the conversation would have to be kept until the other side is there too.
    """

    def __init__(self, sides: Sequence[ChannelSide], max_ahead_samples: int) -> None:
        self._max_ahead_samples = max_ahead_samples
        self._sent_samples: dict[ChannelSide, float] = dict.fromkeys(sides, 0)
        self._moved = asyncio.Condition()

    async def kept(self, blocks: AsyncIterator[Samples], side: ChannelSide) -> AsyncIterator[Samples]:
        """Yields ``blocks`` of a side, each when the other side is near enough."""
        async for block in blocks:
            await self._move(side, len(block))
            yield block
        await self._move(side, math.inf)

    async def _move(self, side: ChannelSide, samples: float) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._ahead(side) <= self._max_ahead_samples)
            self._sent_samples[side] += samples
            self._moved.notify_all()

    def _ahead(self, side: ChannelSide) -> float:
        return self._sent_samples[side] - min(self._sent_samples.values())
