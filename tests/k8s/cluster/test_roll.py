"""A roll replaces every pod and loses nobody, here with programs of a few lines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from tests.k8s.kubelet import Deployment, Node
from tests.k8s.manifest_builder import IMAGES, PORT, deployment, server
from tests.k8s.manifests import Object

_READY_S = 60.0


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(IMAGES, second_s=0.3) as running:
        yield running


def _deployment(node: Node, container: Object, *, delay_s: float = 0.0, **limits: int) -> Deployment:
    manifests, workload = deployment(container)
    workload.object["spec"]["strategy"]["rollingUpdate"].update(limits)
    return Deployment(node, manifests, workload, replicas=3, endpoint_delay_s=delay_s)


async def _work(rolled: Deployment, stop: asyncio.Event) -> tuple[int, int]:
    """Callers that resolve the name before every call: how many were served, and how many were not."""
    served = lost = 0
    while not stop.is_set():
        addresses = rolled.resolve()
        try:
            reader, writer = await asyncio.open_connection(random.choice(addresses), PORT)
            writer.write(b"GET /work HTTP/1.1\r\n\r\n")
            answered = (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        except OSError:
            answered = False
        served, lost = served + answered, lost + (not answered)
    return served, lost


async def _roll_under_load(rolled: Deployment) -> tuple[int, int]:
    await rolled.start(_READY_S)
    await asyncio.sleep(0.3)  # callers have heard of them
    stop = asyncio.Event()
    callers = [asyncio.create_task(_work(rolled, stop)) for _ in range(4)]
    await rolled.roll(_READY_S)
    stop.set()
    counts = await asyncio.gather(*callers)
    return sum(served for served, _ in counts), sum(lost for _, lost in counts)


async def test_three_replicas_are_replaced_one_by_one(node: Node) -> None:
    rolled = _deployment(node, server(START_S="0.1"))
    await rolled.start(_READY_S)
    old = {pod.name for pod in rolled.pods}
    await rolled.roll(_READY_S)
    assert len(rolled.ready) == 3
    assert old.isdisjoint(pod.name for pod in rolled.pods)
    assert rolled.least_ready == 3
    assert {entry.pod for entry in node.entries("gone")} == old
    created = [entry.pod for entry in node.diary if entry.what in ("created", "deleted")][3:]
    assert created == ["app-4", "app-1", "app-5", "app-2", "app-6", "app-3"]


async def test_what_was_begun_is_served_while_pods_go(node: Node) -> None:
    hook = {"preStop": {"sleep": {"seconds": 4}}}
    rolled = _deployment(node, server(WORK_S="0.05") | {"lifecycle": hook}, delay_s=0.2)
    served, lost = await _roll_under_load(rolled)
    assert served > 20
    assert lost == 0


async def test_without_pre_stop_callers_find_shut_doors(node: Node) -> None:
    """The test above is able to fail: names live longer than the pods behind them."""
    rolled = _deployment(node, server(WORK_S="0.05"), delay_s=0.2)
    _, lost = await _roll_under_load(rolled)
    assert lost > 0
