"""Several pods of one kind: made, found by callers, and replaced without a gap."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from tests.k8s.kubelet.node import Node
from tests.k8s.kubelet.pod import Pod
from tests.k8s.manifests import Manifests, Workload


class Deployment:
    """A Deployment and the headless Service before it.

    Args:
        replicas: in place of those of the manifest.
        endpoint_delay_s: until callers hear that a pod has come or is going.
    """

    def __init__(
        self,
        node: Node,
        manifests: Manifests,
        workload: Workload,
        *,
        replicas: int,
        endpoint_delay_s: float = 0.0,
    ) -> None:
        limits = workload.object["spec"]["strategy"]["rollingUpdate"]
        self.pods: list[Pod] = []
        self.least_ready = replicas
        self._node = node
        self._manifests = manifests
        self._workload = workload
        self._replicas = replicas
        self._surge = _count(limits["maxSurge"], replicas, math.ceil)
        self._unavailable = _count(limits["maxUnavailable"], replicas, math.floor)
        self._endpoint_delay_s = endpoint_delay_s
        self._heard: list[tuple[float, tuple[str, ...]]] = []
        self._made = 0

    @property
    def ready(self) -> list[Pod]:
        """Pods that take callers."""
        return [pod for pod in self.pods if pod.ready]

    def resolve(self) -> tuple[str, ...]:
        """What the name of the headless Service means to a caller now: addresses, some of them old."""
        now_s = asyncio.get_running_loop().time()
        current = tuple(pod.address for pod in self.ready)
        if not self._heard or self._heard[-1][1] != current:
            self._heard.append((now_s, current))
        known = [addresses for at_s, addresses in self._heard if at_s + self._endpoint_delay_s <= now_s]
        return known[-1] if known else ()

    async def start(self, timeout_s: float) -> None:
        """Makes all replicas and returns when they are ready."""
        self._node.start(asyncio.create_task(self._watch()))
        for _ in range(self._replicas):
            self._make()
        for pod in self.pods:
            await pod.until_ready(timeout_s)

    async def roll(self, timeout_s: float) -> None:
        """Replaces every pod, and returns when the last old one is gone."""
        old = list(self.pods)
        going: list[asyncio.Task[None]] = []
        async with asyncio.timeout(timeout_s):
            while old or len(self.ready) < self._replicas:
                new = len(self.pods) - len(old)
                if new < self._replicas and len(self.pods) < self._replicas + self._surge:
                    self._make()
                elif old and (victim := self._spare(old)):
                    old.remove(victim)
                    going.append(self._node.start(asyncio.create_task(self._delete(victim))))
                    await asyncio.sleep(0)  # it counts as going before the next decision
                else:
                    await self._node.wait()
            await asyncio.gather(*going)

    def _make(self) -> Pod:
        self._made += 1
        name = f"{self._workload.object['metadata']['name']}-{self._made}"
        pod = Pod(self._node, self._manifests, self._workload, name)
        self.pods.append(pod)
        pod.start()
        return pod

    def _spare(self, old: list[Pod]) -> Pod | None:
        """A pod of the old ones that may go now: one that serves nobody, else the first."""
        idle = next((pod for pod in old if not pod.ready), None)
        if idle is not None:
            return idle
        return old[0] if len(self.ready) - 1 >= self._replicas - self._unavailable else None

    async def _delete(self, pod: Pod) -> None:
        self.pods.remove(pod)
        await pod.terminate()

    async def _watch(self) -> None:
        """Keeps what callers hear, and the fewest pods that were ever ready after all of them were."""
        complete = False
        while True:
            self.resolve()
            complete = complete or len(self.ready) >= self._replicas
            if complete:
                self.least_ready = min(self.least_ready, len(self.ready))
            await self._node.wait()


def _count(value: int | str, replicas: int, rounded: Callable[[float], int]) -> int:
    """``1`` or ``25%`` of the replicas."""
    if isinstance(value, int):
        return value
    return rounded(int(value.removesuffix("%")) * replicas / 100)
