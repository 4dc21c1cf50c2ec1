"""What a message to a front process costs the engine's process.

``python -m benchmarks.message_cost.relay PATH`` is the end of the front process.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from translate_svc.engine.handle import EngineStatus
from translate_svc.engine.request import TokenDecoded
from translate_svc.remote_engine.link import Link
from translate_svc.remote_engine.messages import Step, ToEngine, ToFront, with_ticket

_EVENTS = (1, 4, 16, 64)
_PAUSE_S = 0.002
_START_S = 30.0


@dataclass(frozen=True, slots=True)
class RelayCost:
    """Processor time of a message without events, and of each event in it, in microseconds."""

    message_us: float
    event_us: float


async def measure_relay(messages: int = 200, rounds: int = 7) -> RelayCost:
    """Sends steps with few and with many events in turns, as often as an engine under load.

    ``messages``: of each kind in a round.
    """
    waiting: deque[Step] = deque()
    arrived = asyncio.Event()
    link: Link[ToEngine] = Link(
        ToEngine, lambda: waiting.popleft() if waiting else None, lambda message: arrived.set()
    )
    with tempfile.TemporaryDirectory(prefix="relay-") as folder:
        path = str(Path(folder) / "socket")
        link.bind(path)
        running = asyncio.create_task(link.run())
        peer = await asyncio.create_subprocess_exec(sys.executable, "-m", __spec__.name, path)
        try:
            async with asyncio.timeout(_START_S):
                await arrived.wait()
            used_us: dict[int, list[float]] = {count: [] for count in _EVENTS}
            for _ in range(rounds):
                idle_us = await _used_us(link, waiting, None, messages)
                for count in _EVENTS:
                    used_us[count].append(await _used_us(link, waiting, count, messages) - idle_us)
        finally:
            peer.kill()
            await peer.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            link.close()
    medians = [float(np.median(used_us[count])) for count in _EVENTS]
    event_us, message_us = np.polyfit(_EVENTS, medians, 1)
    return RelayCost(round(float(message_us), 1), round(float(event_us), 2))


async def _used_us(link: Link[ToEngine], waiting: deque[Step], count: int | None, messages: int) -> float:
    """Processor time for each message of ``count`` events; None: for each pause without one."""
    event = TokenDecoded("0123456789abcdef0123456789abcdef/12", 0, 5, " word", -0.1)
    began_s = time.process_time()
    for _ in range(messages):
        if count is not None:
            waiting.append(Step([with_ticket(ticket, event) for ticket in range(count)], EngineStatus(True)))
            link.wake()
        await asyncio.sleep(_PAUSE_S)
    return 1e6 * (time.process_time() - began_s) / messages


async def _receive(path: str) -> None:
    from translate_svc.remote_engine.messages import Goodbye

    greetings = [Goodbye("here")]
    link: Link[ToFront] = Link(ToFront, lambda: greetings.pop() if greetings else None, lambda message: None)
    link.connect(path)
    link.wake()
    with contextlib.suppress(asyncio.CancelledError):
        await link.run()


if __name__ == "__main__":
    asyncio.run(_receive(sys.argv[1]))
