"""Probes and hooks: one question to a container, and how many answers make a verdict."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from tests.k8s.kubelet.node import Node
from tests.k8s.kubelet.sandbox import Sandbox
from tests.k8s.manifests import Container, Object


class Prober:
    """Asks one container, in the ways that probes and hooks know."""

    def __init__(self, node: Node, sandbox: Sandbox, container: Container) -> None:
        self._node = node
        self._sandbox = sandbox
        self._container = container

    async def watch(self, probe: Object, verdict: Callable[[bool], Awaitable[None]]) -> None:
        """Asks once a period and calls ``verdict`` at every threshold; until cancelled."""
        await self._node.sleep(probe.get("initialDelaySeconds", 0))
        streak, last = 0, None
        while True:
            answer = await self.ask(probe)
            streak = streak + 1 if answer is last else 1
            last = answer
            threshold = probe.get("successThreshold", 1) if answer else probe.get("failureThreshold", 3)
            if streak == threshold:
                await verdict(answer)
            await self._node.sleep(probe.get("periodSeconds", 10))

    async def ask(self, probe: Object) -> bool:
        """One answer within ``timeoutSeconds``."""
        try:
            async with asyncio.timeout(probe.get("timeoutSeconds", 1) * self._node.second_s):
                if "httpGet" in probe:
                    return await self._http_get(probe["httpGet"])
                return await self._exec(probe["exec"]["command"])
        except (TimeoutError, OSError):
            return False

    async def hook(self, handler: Object) -> None:
        """Runs a preStop handler to its end; that it fails changes nothing."""
        if "sleep" in handler:
            await self._node.sleep(handler["sleep"]["seconds"])
        else:
            await self._exec(handler["exec"]["command"])

    async def _http_get(self, action: Object) -> bool:
        """200 to 399, as the kubelet counts."""
        reader, writer = await asyncio.open_connection(self._sandbox.address, self._port(action))
        try:
            request = f"GET {action.get('path', '/')} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            status = (await reader.readline()).split()
            return len(status) > 1 and 200 <= int(status[1]) < 400
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exec(self, command: list[str]) -> bool:
        process = await asyncio.create_subprocess_exec(
            *self._sandbox.exec_command(self._container, command),
            env=self._sandbox.environment(self._container),
            cwd=self._sandbox.directory,
        )
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()

    def _port(self, action: Object) -> int:
        port = action["port"]
        return self._container.port_names[port] if isinstance(port, str) else int(port)
