"""Both sides of the comparison as live streams see them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from benchmarks.latency.streams import Translate
from benchmarks.throughput.engine import Engine
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterance import Utterance
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.events import (
    EngineEvent,
    RequestFinished,
    RequestRefused,
    TokenDecoded,
    WaveformPiece,
)


def through_engine(engine: Engine, bridge: AsyncEngine) -> Translate:
    """Ours."""
    numbers = itertools.count()

    async def translate(utterance: Utterance, text: Callable[[], None], speech: Callable[[], None]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        awaited = {TokenDecoded: text, WaveformPiece: speech}

        def deliver(event: EngineEvent) -> None:
            first = awaited.pop(type(event), None)
            if first is not None:
                first()
            if isinstance(event, RequestFinished):
                done.set_result(None)
            elif isinstance(event, RequestRefused):
                done.set_exception(event.error)

        bridge.submit(engine.request(str(next(numbers)), utterance, speech=True), deliver)
        await done

    return translate


def behind_a_lock(peer: Peer) -> Translate:
    """The peer: one call at a time; text and speech come together, at its end."""
    lock = asyncio.Lock()

    async def translate(utterance: Utterance, text: Callable[[], None], speech: Callable[[], None]) -> None:
        async with lock:
            await asyncio.to_thread(peer.run, [utterance], speech=True, batch=1)
        text()
        speech()

    return translate
