"""Memory that was freed goes back to the system, and nothing is asked of the allocator otherwise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.virtual_time import virtual_time
from translate_svc.cli.freed_memory import INTERVAL_S, KEPT_BYTES, FreedMemory, HeldMemory

MIB = 1 << 20
KEPT_MIB = KEPT_BYTES // MIB

_BURST = """
import asyncio
from translate_svc.cli import freed_memory
from translate_svc.memory_limits import resident_bytes
from translate_svc.models.machine.host_memory import keep_freed_memory

freed_memory.INTERVAL_S = 0.1
keep_freed_memory()

async def main():
    before = resident_bytes()
    async with freed_memory.returning_freed_memory():
        await asyncio.sleep(0.1)
        messages = [bytes(10_000) for _ in range(20_000)]
        await asyncio.sleep(0.5)  # it returns what is free while these are in use
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
        (((100, 20),) * 4, 0),
        (((100, 20), (100 + KEPT_MIB, 20), (100, 20)), 0),
        (((100, 20), (101 + KEPT_MIB, 20), (110, 20)), 1),
        (((100, 20), (300, 20), (300, 20), (300, 20)), 1),  # it is in use
        (((100, 20), (300, 20), (300, 20), (300, 220), (100, 220)), 2),  # it was, when it was returned
        (((100, 20), (300, 20), (120, 20), (300, 20), (120, 20)), 2),
        (((300, 20), (100, 20), (101 + KEPT_MIB, 20), (100, 20)), 1),  # from the least on
        (((100, 90), (100, 20), (100, 90), (100, 90)), 1),
    ],
)
def test_it_returns_what_grew_or_was_freed_since_it_last_did(
    held_mib: Sequence[tuple[int, int]], returns: int
) -> None:
    """``held_mib``: what is resident and what is free when it asks, one after the other."""
    held, returned = iter(held_mib), 0

    def held_memory() -> HeldMemory:
        resident, free = next(held, held_mib[-1])
        return HeldMemory(resident * MIB, free * MIB)

    def return_freed() -> None:
        nonlocal returned
        returned += 1

    async def scenario() -> None:
        running = asyncio.create_task(FreedMemory(held_memory, return_freed).run())
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
