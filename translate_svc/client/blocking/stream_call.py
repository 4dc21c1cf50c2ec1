"""One call of StreamingTranslate by the blocking client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from translate_svc.client.failures import error_of, is_interruption
from translate_svc.client.options import ClientOptions
from translate_svc.client.sequence_check import stream_sequence
from translate_svc.errors import TranslateSvcError, Unavailable
from translate_svc.types import Opened, SessionEvent
from translate_svc.v1 import speech_translation_pb2 as pb


class StreamCall:
    """Events of one call, whose requests a thread of gRPC takes from an iterator. One thread may read.

    Every method raises the exceptions of this package.
    """

    def __init__(
        self,
        stub: Any,
        requests: Iterator[pb.StreamingTranslateRequest],
        options: ClientOptions,
        on_end: Callable[[], None],
    ) -> None:
        """``on_end`` is called once, on another thread, when the call has ended."""
        self._sequence = stream_sequence()
        self._call = stub.StreamingTranslate(requests, metadata=options.metadata())
        if not self._call.add_callback(on_end):
            on_end()

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return not self._call.is_active()

    @property
    def is_interrupted(self) -> bool:
        """Whether the call ended in a way after which another server can go on with the stream."""
        return self.done and is_interruption(self._call.code(), self._call.trailing_metadata())

    def opened(self, timeout_s: float) -> Opened:
        """The server's first event. On an error the call is over.

        Raises:
            Unavailable: the server did not answer within ``timeout_s``.
        """
        timed_out = threading.Event()

        def time_out() -> None:
            timed_out.set()
            self._call.cancel()

        timer = threading.Timer(timeout_s, time_out)
        timer.daemon = True
        timer.start()
        try:
            first = self.next_event()
        except TranslateSvcError:
            if timed_out.is_set():
                raise Unavailable(f"the server did not answer within {timeout_s:g} s") from None
            raise
        finally:
            timer.cancel()
        if not isinstance(first, Opened):
            self.cancel()
            raise TranslateSvcError("the server closed the stream without opening it")
        return first

    def next_event(self) -> SessionEvent | None:
        """The next event that this client knows, or None at the end."""
        while True:
            try:
                event = self._sequence.accept(next(self._call))
            except StopIteration:
                return None
            except grpc.RpcError as error:
                raise self.failure() from error
            if event is not None:
                return event

    def failure(self) -> TranslateSvcError:
        """The error of the call, which has ended."""
        code = self._call.code()
        if code is grpc.StatusCode.CANCELLED and self._call.cancelled():
            return TranslateSvcError("the stream was cancelled")
        return error_of(code, self._call.details(), self._call.trailing_metadata())

    def cancel(self) -> None:
        """Ends the call: gRPC never ends an abandoned one."""
        self._call.cancel()
