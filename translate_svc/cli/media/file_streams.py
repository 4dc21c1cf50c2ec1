"""Streams a whole file: one stream for each side, which stay together."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from translate_svc.cli.audio.media_reader import MediaReader
from translate_svc.cli.backends.backend import TranslationStream, Translator
from translate_svc.cli.backends.patience import Patience
from translate_svc.cli.media.arguments import TranslateArguments
from translate_svc.cli.media.fit import FitPoint, with_updates
from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.cli.output.progress import SampleCounter
from translate_svc.cli.output.sinks import Sink
from translate_svc.types import Samples, StreamSettings

_MAX_AHEAD_S = 10


async def stream_file(
    readers: Mapping[ChannelSide, MediaReader],
    settings: StreamSettings,
    translator: Translator,
    sinks: Sequence[Sink],
    counter: SampleCounter,
    points: Sequence[FitPoint] = (),
    *,
    patience: Patience | None = None,
) -> None:
    """Sends a whole file over a stream for each side, writes the events to ``sinks`` and finishes them.

    Args:
        readers: the readers of the file: one, or one for each side.
        settings: those of all streams.
        translator: opens the streams.
        sinks: take the events of all streams.
        counter: counts the sent audio.
        points: where the settings change.
        patience: waits where the server is full; None: that is an error at once.

    Raises:
        ResourceExhausted, Unavailable: the server is full, or was for as long as ``patience`` waits.
    """

    async def follow(stream: TranslationStream, side: ChannelSide, reader: MediaReader) -> None:
        blocks = with_updates(reader.blocks(), points, stream.update)
        stream.feed(counter.counted(abreast.kept(blocks, side), side))
        async for event in stream:
            for sink in sinks:
                sink.write(event, side)

    rate_hz = next(iter(readers.values())).media.sample_rate_hz
    abreast = ConcurrentStreams(list(readers), _MAX_AHEAD_S * rate_hz)
    opening = partial(_streams, translator, settings, rate_hz, len(readers))
    place = patience.place(opening) if patience else opening()
    try:
        async with place as streams, asyncio.TaskGroup() as tasks:
            for stream, (side, reader) in zip(streams, readers.items(), strict=True):
                tasks.create_task(follow(stream, side, reader))
    except BaseExceptionGroup as failures:
        # the first one is the cause; it ended the other stream
        raise failures.exceptions[0] from None
    for sink in sinks:
        # not in this thread: a film takes long, and Ctrl-C is heeded meanwhile
        await asyncio.to_thread(sink.finish, counter.sent_samples)


@asynccontextmanager
async def _streams(
    translator: Translator, settings: StreamSettings, rate_hz: int, count: int
) -> AsyncIterator[list[TranslationStream]]:
    """All or none: a stream whose sibling finds no place would keep its own from others."""
    async with AsyncExitStack() as opened:
        opening = (translator.stream(settings, rate_hz) for _ in range(count))
        yield [await opened.enter_async_context(stream) for stream in opening]


async def open_readers(
    source: Path, arguments: TranslateArguments, settings: StreamSettings, opened: AsyncExitStack
) -> dict[ChannelSide, MediaReader]:
    """The readers of a file by side; ``opened`` closes them."""
    readers: dict[ChannelSide, MediaReader] = {}
    for side in arguments.sides:
        choice = arguments.choice(settings.source_language, side)
        readers[side] = await opened.enter_async_context(MediaReader(source, choice, arguments.part))
    return readers


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
