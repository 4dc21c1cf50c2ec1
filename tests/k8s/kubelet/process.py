"""One container: its process, its probes, its restarts, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable

from tests.k8s.kubelet.node import Node
from tests.k8s.kubelet.probes import Prober
from tests.k8s.kubelet.sandbox import Sandbox
from tests.k8s.manifests import Container

_LEAST_GRACE_S = 2.0
"""What a container gets between SIGTERM and SIGKILL although the pod's grace is spent."""

_KILLED_TAIL = 2_000


class ContainerProcess:
    """Runs until ``stop``. ``started`` and ``ready`` are what the container's probes say.

    Without a startupProbe a container has started once its process runs; without a readinessProbe it is ready
    once it has started.
    """

    def __init__(self, node: Node, sandbox: Sandbox, container: Container, pod_name: str) -> None:
        self.container = container
        self.started = False
        self.ready = False
        self.exited = asyncio.Event()
        self.exit_codes: list[int] = []
        self._node = node
        self._sandbox = sandbox
        self._pod_name = pod_name
        self._prober = Prober(node, sandbox, container)
        self._process: asyncio.subprocess.Process | None = None
        self._log = sandbox.directory / f"{container.name}.log"
        self._ending = False

    def note(self, what: str) -> None:
        """Into the node's diary."""
        self._node.note(self._pod_name, self.container.name, what)

    @property
    def log(self) -> str:
        """The end of what it printed, of all its runs."""
        return self._log.read_text(errors="replace")[-_KILLED_TAIL:] if self._log.exists() else ""

    async def run_once(self) -> int:
        """One run from start to exit; returns the exit code, negative for a signal."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._sandbox.command(self.container),
                env=self._sandbox.environment(self.container),
                cwd=self._sandbox.directory,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.note("start")
        if self._ending:
            # its pod was deleted while it was being started anew
            self._signal(signal.SIGKILL)
        try:
            async with asyncio.TaskGroup() as group:
                probing = group.create_task(self._probe())
                code = await self._process.wait()
                probing.cancel()
        finally:
            self._signal(signal.SIGKILL)
            await self._process.wait()
            self.started = self.ready = False
        self.exit_codes.append(code)
        self.note(f"exit {code}")
        return code

    async def run_always(self, backoff_s: float) -> None:
        """Runs and restarts until ``stop``."""
        while True:
            await self.run_once()
            if not self._ending:
                await self._node.sleep(backoff_s)
            if self._ending:
                self.exited.set()
                return

    async def stop(self, deadline_s: float, turn: Awaitable[None] | None) -> None:
        """preStop, its turn, SIGTERM, and past the deadline SIGKILL: in the kubelet's order.

        ``turn`` is awaited after preStop: hooks of sidecars run immediately, only their signal waits.
        """
        loop = asyncio.get_running_loop()
        self._ending = True
        handler = self.container.spec.get("lifecycle", {}).get("preStop")
        for waited in (self._prober.hook(handler) if handler and self._runs() else None, turn):
            if waited is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline_s):
                        await waited
        if not self._runs():
            self.exited.set()
            return
        self.note("SIGTERM")
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout_at(
                max(deadline_s, loop.time() + _LEAST_GRACE_S * self._node.second_s)
            ):
                await self.exited.wait()
        except TimeoutError:
            self.note("SIGKILL")
            self._signal(signal.SIGKILL)
            await self.exited.wait()

    async def _probe(self) -> None:
        """Startup first; readiness and liveness once it has succeeded. An init container is never asked."""
        spec = self.container.spec
        if self.container.kind == "init":
            return
        if "startupProbe" in spec:
            succeeded = asyncio.Event()

            async def startup(answer: bool) -> None:
                if answer:
                    succeeded.set()
                else:
                    self._kill("startup failed")

            async with asyncio.TaskGroup() as group:
                asking = group.create_task(self._prober.watch(spec["startupProbe"], startup))
                await succeeded.wait()
                asking.cancel()
        self.started = True
        self.ready = "readinessProbe" not in spec
        self.note("started")

        async def readiness(answer: bool) -> None:
            if answer != self.ready:
                self.ready = answer
                self.note("ready" if answer else "not ready")

        async def liveness(answer: bool) -> None:
            if not answer and not self._ending:
                self._kill("liveness failed")

        async with asyncio.TaskGroup() as group:
            for kind, verdict in (("readinessProbe", readiness), ("livenessProbe", liveness)):
                if kind in spec:
                    group.create_task(self._prober.watch(spec[kind], verdict))

    def _kill(self, why: str) -> None:
        """What a probe's verdict does. The real one sends SIGTERM first; these tests want the end only."""
        self.note(why)
        self._signal(signal.SIGKILL)

    def _runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _signal(self, number: signal.Signals) -> None:
        """To the container's first process; SIGKILL to all of them, as the end of its namespace does."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(self._process.pid, number)
            elif self._runs():
                self._process.send_signal(number)
