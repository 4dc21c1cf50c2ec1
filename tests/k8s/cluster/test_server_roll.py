"""The overlay cpu-dev as it is rendered: three servers are replaced under live calls, no sentence is lost."""

from __future__ import annotations

import asyncio

import pytest

from tests.k8s.caller import EXPECTED, Caller
from tests.k8s.kubelet import Deployment, Node
from tests.k8s.manifests import Manifests
from tests.k8s.server_images import IMAGES

_READY_S = 90.0
_ROLL_S = 240.0
_CALLERS = 3
_RESOLVER_DELAY_S = 1.0


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_every_sentence_that_was_begun_is_delivered() -> None:
    manifests = Manifests.of("cpu-dev")
    ((workload, _, settings),) = manifests.servers()
    async with Node(IMAGES) as node:
        rolled = Deployment(node, manifests, workload, replicas=3, endpoint_delay_s=_RESOLVER_DELAY_S)
        await rolled.start(_READY_S)
        await node.sleep(_RESOLVER_DELAY_S)

        def resolve() -> str:
            """What a client's resolver makes of the headless Service."""
            return "ipv4:" + ",".join(f"{address}:{settings.port}" for address in rolled.resolve())

        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            callers = [Caller(resolve, stop) for _ in range(_CALLERS)]
            for caller in callers:
                group.create_task(caller.run())
            await rolled.roll(_ROLL_S)
            stop.set()
        codes = [entry.what for entry in node.diary if entry.what.startswith("exit")]
        killed = [entry for entry in node.diary if entry.what == "SIGKILL" or entry.what.endswith("failed")]

    assert rolled.least_ready == 3
    assert not killed
    assert codes == ["exit 0"] * len(codes), "init containers, and the servers that went"
    for caller in callers:
        report = caller.report
        assert report.texts == [EXPECTED] * report.begun
        assert report.incomplete == 0
        assert report.moved > 0, "its server went away under it"
