"""What carries one stream of the asynchronous client: one call, or one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from translate_svc.client.aio.stream_call import StreamCall
from translate_svc.client.options import ClientOptions
from translate_svc.errors import ResourceExhausted, Unavailable
from translate_svc.types import ClientMessage, Opened, SessionEvent, StreamConfig


class StreamConnection(Protocol):
    """Messages out, events in. One task at a time may write, and one may read."""

    @property
    def done(self) -> bool:
        """Whether the stream has ended."""

    @property
    def resumptions(self) -> tuple[float, ...]:
        """For each time the stream continued at another call: seconds without one."""

    async def open(self) -> Opened:
        """Opens the stream; returns its first event."""

    async def write(self, message: ClientMessage) -> None:
        """Sends one message; waits while the server accepts none. ``EndInput`` ends the input."""

    async def next_event(self) -> SessionEvent | None:
        """The next event, or None at the end."""

    def cancel(self) -> None:
        """Ends the stream at once."""

    async def release(self) -> None:
        """Ends the stream and waits for its tasks."""


class SingleConnection:
    """A ``StreamConnection`` of one call: when that breaks, the stream is over."""

    def __init__(self, stubs: Sequence[Any], config: StreamConfig, options: ClientOptions) -> None:
        """``stubs``: one for each server that may be asked."""
        self._stubs = stubs
        self._config = config
        self._options = options
        self._call: StreamCall | None = None

    @property
    def resumptions(self) -> tuple[float, ...]:
        """Implements ``StreamConnection.resumptions``: there are none."""
        return ()

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return self._open_call().done

    async def open(self) -> Opened:
        """Opens the call at the first server that takes it."""
        self._call, opened, _ = await open_call(self._stubs, self._config, self._options)
        return opened

    async def write(self, message: ClientMessage) -> None:
        """Implements ``StreamConnection``."""
        await self._open_call().write(message)

    async def next_event(self) -> SessionEvent | None:
        """Implements ``StreamConnection``."""
        return await self._open_call().next_event()

    def cancel(self) -> None:
        """Implements ``StreamConnection``."""
        if self._call is not None:
            self._call.cancel()

    async def release(self) -> None:
        """Implements ``StreamConnection``."""
        self.cancel()

    def _open_call(self) -> StreamCall:
        if self._call is None:
            raise RuntimeError("the stream is not open: `with`, or `async with`, opens it")
        return self._call


async def open_call(
    stubs: Sequence[Any], config: StreamConfig, options: ClientOptions
) -> tuple[StreamCall, Opened, int]:
    """Opens a call at the first server that takes it; returns the server's number, too.

    Raises:
        Unavailable, ResourceExhausted: no server takes it. The error is that of the last one.
    """
    for number, stub in enumerate(stubs):
        call = StreamCall(stub, options)
        try:
            return call, await call.open(config, options.open_timeout_s), number
        except (Unavailable, ResourceExhausted):
            if number == len(stubs) - 1:
                raise
    raise Unavailable("there is no server to ask")
