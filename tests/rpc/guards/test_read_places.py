from __future__ import annotations

import asyncio

import pytest

from tests.virtual_time import virtual_time
from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.read_places import ReadPlaces


async def _hold(places: ReadPlaces, peer: str, seconds: float, order: list[str]) -> None:
    async with places.place(peer):
        order.append(peer)
        await asyncio.sleep(seconds)


def test_one_peer_leaves_places_to_others() -> None:
    async def scenario() -> list[str]:
        places, order = ReadPlaces(4, 2, patience_s=60), list[str]()
        many = [_hold(places, f"ipv4:1.1.1.1:{port}", 10, order) for port in range(6)]
        async with asyncio.TaskGroup() as tasks:
            for each in many:
                tasks.create_task(each)
            tasks.create_task(_hold(places, "ipv4:2.2.2.2:9", 1, order))
            await asyncio.sleep(1)
            assert len(order) == 3
        assert not places._peers, "nothing is kept of peers who have left"
        return order

    with virtual_time() as runner:
        assert runner.run(scenario())[2] == "ipv4:2.2.2.2:9"


def test_all_places_together_are_bounded_and_who_waits_too_long_is_refused() -> None:
    async def scenario() -> None:
        places, order = ReadPlaces(2, 2, patience_s=5), list[str]()
        async with asyncio.TaskGroup() as tasks:
            for host in (1, 2):
                tasks.create_task(_hold(places, f"ipv4:1.1.1.{host}:1", 60, order))
            await asyncio.sleep(0)
            with pytest.raises(ResourceExhausted, match="too many messages"):
                await _hold(places, "ipv4:1.1.1.3:1", 1, order)
        await _hold(places, "ipv4:1.1.1.3:1", 1, order)
        assert len(order) == 3

    with virtual_time() as runner:
        runner.run(scenario())


def test_a_call_that_is_cancelled_while_it_waits_leaves_its_place() -> None:
    async def scenario() -> None:
        places, order = ReadPlaces(1, 1, patience_s=60), list[str]()
        holder = asyncio.create_task(_hold(places, "a:1", 10, order))
        await asyncio.sleep(1)
        waiter = asyncio.create_task(_hold(places, "b:1", 10, order))
        await asyncio.sleep(1)
        waiter.cancel()
        await asyncio.gather(holder, waiter, return_exceptions=True)
        await _hold(places, "b:2", 1, order)
        assert order == ["a:1", "b:2"]
        assert not places._peers

    with virtual_time() as runner:
        runner.run(scenario())
