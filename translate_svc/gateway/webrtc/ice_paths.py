"""The way of a call's packets: ICE connections, of which a later one may take the place of an earlier one.

aiortc has no ICE restart. What lies above ICE needs none: DTLS, SRTP and SCTP go on over any way that brings
their packets (RFC 8445, section 9). So the transport of a peer connection gets an ``IcePaths`` in place of
its one ICE connection. That, and ``PacketOrder``, are all that this package knows of aiortc beyond its
interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aioice import Candidate, Connection, ConnectionClosed
from aiortc import RTCIceServer, RTCIceTransport
from aiortc.rtcicetransport import connection_kwargs

_MAX_WAITING = 256
"""Packets that nobody has read yet. The sockets' buffers hold what comes after them."""
_OVERLAP_S = 2.0
"""How long packets are still taken from the way before."""


def _of_current(name: str) -> property:
    """An attribute of the current ICE connection."""
    return property(
        lambda self: getattr(self.current, name), lambda self, value: setattr(self.current, name, value)
    )


class IcePaths:
    """Has the methods of ``aioice.Connection`` that aiortc uses. One task receives; several may send.

    It ends when no path is left: all were lost, or it was closed.
    """

    ice_controlling = _of_current("ice_controlling")
    remote_is_lite = _of_current("remote_is_lite")
    remote_username = _of_current("remote_username")
    remote_password = _of_current("remote_password")
    remote_candidates = _of_current("remote_candidates")
    local_candidates = _of_current("local_candidates")
    local_username = _of_current("local_username")
    local_password = _of_current("local_password")

    def __init__(
        self, transport: RTCIceTransport, ice_servers: list[RTCIceServer], patience_s: float
    ) -> None:
        """Takes the place of the connection of ``transport``, which has not started.

        ``patience_s``: for a further path to be connected.
        """
        first: Connection = transport._connection
        self.current = self.newest = first
        """The path that carries what is sent, and the one that was asked for last."""
        self._first = first
        self._ice_servers = ice_servers
        self._patience_s = patience_s
        self._open: dict[Connection, asyncio.Task[None]] = {}
        self._received: asyncio.Queue[bytes | None] = asyncio.Queue(_MAX_WAITING)
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        wired: Any = transport
        wired._connection = wired.iceGatherer._connection = self
        wired._recv, wired._send = self.recv, self.send

    async def further(self) -> Connection:
        """Another path with all its own candidates, to be begun. ``newest`` is that from now on."""
        path = Connection(self.current.ice_controlling, **connection_kwargs(self._ice_servers))
        await path.gather_candidates()
        former, self.newest = self.newest, path
        if former is not self.current and former in self._open:
            self._open[former].cancel()
        return path

    async def begin(
        self, path: Connection, username: str, password: str, candidates: Iterable[Candidate]
    ) -> None:
        """Connects ``path`` to the peer, which has new credentials.

        It becomes the current one when it is connected, and is given up if that takes too long.

        Raises:
            ConnectionError: there is no path any more.
        """
        if self._ended.is_set():
            await path.close()
            raise ConnectionError("the last path has ended")
        path.remote_username, path.remote_password = username, password
        for candidate in candidates:
            await path.add_remote_candidate(candidate)
        self._begin(path)

    async def add_remote_candidate(self, candidate: Candidate | None) -> None:
        """A further address of the peer, for the path that was asked for last."""
        await self.newest.add_remote_candidate(candidate)

    async def gather_candidates(self) -> None:
        """Gathers those of the first path."""
        await self._first.gather_candidates()

    async def connect(self) -> None:
        """Begins the first path. Returns when one is connected.

        Raises:
            ConnectionError: none can be.
        """
        self._begin(self._first)
        await self._settled.wait()
        if self._ended.is_set():
            raise ConnectionError("no way to the peer was found")

    async def close(self) -> None:
        """Closes all paths."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._first.close()
        self._end()

    async def get_event(self) -> ConnectionClosed:
        """Returns when there is no path any more."""
        await self._ended.wait()
        return ConnectionClosed()

    async def recv(self) -> bytes:
        """The next packet, by whichever path it came.

        Raises:
            ConnectionError: there is no path any more.
        """
        packet = await self._received.get()
        if packet is None:
            raise ConnectionError("the last path has ended")
        return packet

    async def send(self, data: bytes) -> None:
        """Sends a packet by the current path. Where that is lost and another one is begun, packets are lost.

        Raises:
            ConnectionError: there is no path any more.
        """
        try:
            await self.current.send(data)
        except ConnectionError:
            if not self._open:
                raise

    def _begin(self, path: Connection) -> None:
        self._open[path] = asyncio.create_task(self._run(path))

    async def _run(self, path: Connection) -> None:
        """Connects a path, makes it the current one, and takes its packets until it is lost."""
        try:
            async with asyncio.timeout(None if path is self._first else self._patience_s):
                await path.connect()
            self._take_over(path)
            while True:
                await self._received.put(await path.recv())
        except (ConnectionError, TimeoutError):
            pass
        finally:
            await path.close()
            self._open.pop(path, None)
            if not self._open:
                self._end()

    def _take_over(self, path: Connection) -> None:
        self.current = path
        self._settled.set()
        for former, task in self._open.items():
            if former is not path and former is not self.newest:
                asyncio.get_running_loop().call_later(_OVERLAP_S, task.cancel)

    def _end(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        self._settled.set()
        if self._received.full():
            self._received.get_nowait()
        self._received.put_nowait(None)
