"""Memory that was freed goes back to the system, and nothing is asked of the allocator otherwise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.virtual_time import virtual_time
from translate_svc.cli.freed_memory import INTERVAL_S, KEPT_BYTES, FreedMemory

MIB = 1 << 20
KEPT_MIB = KEPT_BYTES // MIB

_BURST = """
import asyncio
from translate_svc.cli import freed_memory
from translate_svc.memory_limits import resident_bytes
from translate_svc.models.host_memory import keep_freed_memory

freed_memory.INTERVAL_S = 0.1
keep_freed_memory()

async def main():
    before = resident_bytes()
    async with freed_memory.returning_freed_memory():
        await asyncio.sleep(0.1)
        messages = [bytes(10_000) for _ in range(20_000)]
        kept = messages[::100]
        del messages
        burst = resident_bytes()
        for _ in range(100):
            await asyncio.sleep(0.1)
            if resident_bytes() - before < 48 << 20:
                break
    print((burst - before) >> 20, (resident_bytes() - before) >> 20)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("held_mib", "returns"),
    [
        ((100, 100, 100, 100), 0),
        ((100, 100 + KEPT_MIB, 100, 100), 0),
        ((100, 101 + KEPT_MIB, 110, 110), 1),
        ((100, 300, 300, 300, 300), 1),  # it is in use
        ((100, 300, 120, 300, 120), 2),
        ((300, 100, 101 + KEPT_MIB, 100), 1),  # from the least on, even if nothing was returned
    ],
)
def test_it_returns_what_grew_since_it_last_did(held_mib: Sequence[int], returns: int) -> None:
    """``held_mib``: what is held when it asks, one after the other."""
    held, returned = iter(held_mib), 0

    def resident() -> int | None:
        return next(held, held_mib[-1]) * MIB

    def return_freed() -> None:
        nonlocal returned
        returned += 1

    async def scenario() -> None:
        running = asyncio.create_task(FreedMemory(resident, return_freed).run())
        await asyncio.sleep((len(held_mib) + 2) * INTERVAL_S)
        running.cancel()

    with virtual_time() as runner:
        runner.run(scenario())
    assert returned == returns


def test_where_nothing_tells_it_does_nothing() -> None:
    def fail() -> None:
        raise AssertionError("nothing has grown")

    asyncio.run(FreedMemory(lambda: None, fail).run())


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of glibc")
def test_a_burst_of_messages_leaves_nothing_although_the_allocator_keeps_what_is_freed() -> None:
    done = subprocess.run([sys.executable, "-c", _BURST], capture_output=True, text=True, check=True)
    burst_mib, left_mib = map(int, done.stdout.split())
    assert burst_mib > 150  # the allocator had kept it
    assert left_mib < 48
