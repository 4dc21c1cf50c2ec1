"""What carries one stream of the blocking client: one call, or one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from translate_svc import wire
from translate_svc.client.blocking.request_queue import RequestQueue
from translate_svc.client.blocking.stream_call import StreamCall
from translate_svc.client.options import ClientOptions
from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import ClientMessage, EndInput, Opened, SessionEvent, StreamConfig


class StreamConnection(Protocol):
    """Messages out, events in. One thread at a time may write, and one may read."""

    @property
    def done(self) -> bool:
        """Whether the stream has ended."""

    @property
    def resumptions(self) -> tuple[float, ...]:
        """For each time the stream went on at another call: seconds without one."""

    def open(self) -> Opened:
        """Opens the stream; returns its first event."""

    def write(self, message: ClientMessage) -> None:
        """Sends one message; waits while the server accepts none. ``EndInput`` ends the input."""

    def next_event(self) -> SessionEvent | None:
        """The next event, or None at the end."""

    def cancel(self) -> None:
        """Ends the stream at once."""


class SingleConnection:
    """A ``StreamConnection`` of one call: when that breaks, the stream is over."""

    def __init__(self, stubs: Sequence[Any], config: StreamConfig, options: ClientOptions) -> None:
        """``stubs``: one for each server that may be asked."""
        self._stubs = stubs
        self._config = config
        self._options = options
        self._requests = RequestQueue()
        self._call: StreamCall | None = None

    @property
    def resumptions(self) -> tuple[float, ...]:
        """Implements ``StreamConnection.resumptions``: there are none."""
        return ()

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return self._open_call().done

    def open(self) -> Opened:
        """Opens the call at the first server that takes it.

        Raises:
            Unavailable, ResourceExhausted: no server takes it. The error is that of the last one.
        """
        for number, stub in enumerate(self._stubs):
            requests = RequestQueue()
            requests.put(wire.encode_request(self._config))
            call = StreamCall(stub, requests, self._options, requests.close)
            try:
                opened = call.opened(self._options.open_timeout_s)
            except BaseException as error:
                call.cancel()
                requests.close()
                is_last = number == len(self._stubs) - 1
                if is_last or not isinstance(error, Unavailable | ResourceExhausted):
                    raise
            else:
                self._call, self._requests = call, requests
                return opened
        raise Unavailable("there is no server to ask")

    def write(self, message: ClientMessage) -> None:
        """Implements ``StreamConnection``."""
        call = self._open_call()
        if not self._requests.put(wire.encode_request(message)):
            raise call.failure() if call.done else TranslateSvcError("comes after end")
        if isinstance(message, EndInput):
            self._requests.finish()

    def next_event(self) -> SessionEvent | None:
        """Implements ``StreamConnection``."""
        return self._open_call().next_event()

    def cancel(self) -> None:
        """Implements ``StreamConnection``."""
        if self._call is not None:
            self._call.cancel()
        self._requests.close()

    def _open_call(self) -> StreamCall:
        if self._call is None:
            raise RuntimeError("the stream is not open: use it as `with`")
        return self._call
