"""A pod's life: init containers, sidecars and main containers in order, and the way back."""

from __future__ import annotations

import asyncio

from tests.k8s.kubelet.node import Node
from tests.k8s.kubelet.process import ContainerProcess
from tests.k8s.kubelet.sandbox import Sandbox
from tests.k8s.manifests import Manifests, Workload

_BACKOFF_S = 1.0
"""Before a container is run again. The real kubelet begins at ten seconds."""


class Pod:
    """One pod. ``start`` lets it run; ``terminate`` returns when nothing of it runs any more."""

    def __init__(self, node: Node, manifests: Manifests, workload: Workload, name: str) -> None:
        self.name = name
        self.terminating = False
        self._node = node
        self._grace_s = workload.pod.get("terminationGracePeriodSeconds", 30)
        self._sandbox = Sandbox(node, manifests, workload, name)
        self.containers = {
            each.name: ContainerProcess(node, self._sandbox, each, name) for each in workload.containers
        }
        self._life: asyncio.Task[None] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def address(self) -> str:
        return self._sandbox.address

    @property
    def ready(self) -> bool:
        """Whether a Service sends it callers: everything that stays is ready, and it is not going."""
        lasting = [each for each in self.containers.values() if each.container.kind != "init"]
        return not self.terminating and all(each.started and each.ready for each in lasting)

    def start(self) -> None:
        """Begins its life; does not wait."""
        self._node.note(self.name, "", "created")
        self._life = self._node.start(asyncio.create_task(self._live()))

    async def until_ready(self, timeout_s: float) -> None:
        """Raises TimeoutError with the containers' logs."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.ready:
                    await self._node.wait()
        except TimeoutError:
            logs = "\n".join(f"{name}: {each.log}" for name, each in self.containers.items())
            raise TimeoutError(f"{self.name} is not ready after {timeout_s:g} s\n{logs}") from None

    async def terminate(self) -> None:
        """What deleting the pod does."""
        assert self._life is not None
        self.terminating = True
        self._node.note(self.name, "", "deleted")
        deadline_s = asyncio.get_running_loop().time() + self._grace_s * self._node.second_s
        # no container is begun any more; an init container that runs is killed (the real one gets SIGTERM)
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)
        begun = [each for name, each in self.containers.items() if name in self._running]
        sidecars = [each for each in begun if each.container.kind == "sidecar"]
        others = [each for each in begun if each.container.kind != "sidecar"]
        stops = [each.stop(deadline_s, None) for each in others]
        for index, sidecar in enumerate(sidecars):
            stops.append(sidecar.stop(deadline_s, _all_exited(others + sidecars[index + 1 :])))
        await asyncio.gather(*stops)
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._node.note(self.name, "", "gone")

    async def _live(self) -> None:
        for process in self.containers.values():
            if process.container.kind == "init":
                await self._run_to_completion(process)
                continue
            task = asyncio.create_task(process.run_always(_BACKOFF_S))
            self._running[process.container.name] = self._node.start(task)
            while process.container.kind == "sidecar" and not process.started:
                await self._node.wait()

    async def _run_to_completion(self, process: ContainerProcess) -> None:
        """An init container: again and again until it succeeds."""
        while await process.run_once() != 0:
            await self._node.sleep(_BACKOFF_S)


async def _all_exited(processes: list[ContainerProcess]) -> None:
    for process in processes:
        await process.exited.wait()
