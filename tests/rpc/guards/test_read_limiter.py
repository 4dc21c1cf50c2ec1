from __future__ import annotations

import asyncio

import pytest

from tests.virtual_time import virtual_time
from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.read_limiter import ReadLimiter


async def _hold(limiter: ReadLimiter, peer: str, seconds: float, order: list[str]) -> None:
    async with limiter.hold(peer):
        order.append(peer)
        await asyncio.sleep(seconds)


def test_one_peer_leaves_room_to_others() -> None:
    async def scenario() -> list[str]:
        limiter, order = ReadLimiter(4, 2, wait_timeout_s=60), list[str]()
        many = [_hold(limiter, f"ipv4:1.1.1.1:{port}", 10, order) for port in range(6)]
        async with asyncio.TaskGroup() as tasks:
            for each in many:
                tasks.create_task(each)
            tasks.create_task(_hold(limiter, "ipv4:2.2.2.2:9", 1, order))
            await asyncio.sleep(1)
            assert len(order) == 3
        return order

    with virtual_time() as runner:
        assert runner.run(scenario())[2] == "ipv4:2.2.2.2:9"


def test_all_reads_together_are_bounded_and_a_wait_that_is_too_long_is_refused() -> None:
    async def scenario() -> None:
        limiter, order = ReadLimiter(2, 2, wait_timeout_s=5), list[str]()
        async with asyncio.TaskGroup() as tasks:
            for host in (1, 2):
                tasks.create_task(_hold(limiter, f"ipv4:1.1.1.{host}:1", 60, order))
            await asyncio.sleep(0)
            with pytest.raises(ResourceExhausted, match="too many messages"):
                await _hold(limiter, "ipv4:1.1.1.3:1", 1, order)
        await _hold(limiter, "ipv4:1.1.1.3:1", 1, order)
        assert len(order) == 3

    with virtual_time() as runner:
        runner.run(scenario())


def test_a_call_that_is_cancelled_while_it_waits_leaves_its_room() -> None:
    async def scenario() -> None:
        limiter, order = ReadLimiter(1, 1, wait_timeout_s=60), list[str]()
        holder = asyncio.create_task(_hold(limiter, "a:1", 10, order))
        await asyncio.sleep(1)
        waiter = asyncio.create_task(_hold(limiter, "b:1", 10, order))
        await asyncio.sleep(1)
        waiter.cancel()
        await asyncio.gather(holder, waiter, return_exceptions=True)
        await _hold(limiter, "b:2", 1, order)
        assert order == ["a:1", "b:2"]

    with virtual_time() as runner:
        runner.run(scenario())


def test_what_one_caller_sends_keeps_its_places_and_no_others_until_it_is_within_the_pace() -> None:
    size_bytes = 4 * 1024 * 1024

    async def scenario() -> None:
        limiter, clock = ReadLimiter(4, 2, wait_timeout_s=60), asyncio.get_running_loop().time

        async def read(peer: str, size_bytes: int) -> float:
            async with limiter.hold(peer) as read:
                read.size_bytes = size_bytes
                return clock()

        began_s = clock()
        times_s = await asyncio.gather(*(read(f"ipv4:1.1.1.1:{port}", size_bytes) for port in range(34)))
        assert await read("ipv4:2.2.2.2:1", size_bytes) == times_s[-1], "another one waits for nothing"
        # two together, then one each sixteenth of a second: 64 MiB in the second
        assert times_s[-1] - began_s == pytest.approx(2.0)
        assert times_s[17] - began_s == pytest.approx(1.0)

    with virtual_time() as runner:
        runner.run(scenario())
