"""The requests of one call of a stream that may have several, one after the other."""

from __future__ import annotations

from typing import Any, Protocol

from translate_svc import wire
from translate_svc.client.blocking.stream_call import StreamCall
from translate_svc.client.options import ClientOptions
from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import Opened, StreamConfig
from translate_svc.v1 import speech_translation_pb2 as pb


class RequestSource(Protocol):
    """Where the messages of a stream come from. Threads of gRPC call it."""

    def take_request(self, requests: CallRequests) -> pb.StreamingTranslateRequest | None:
        """The next message for the call of ``requests``; waits for one. None at its end."""

    def end_requests(self, requests: CallRequests) -> None:
        """The call of ``requests`` has ended."""


class CallRequests:
    """An iterator for gRPC: the configuration, then the messages of the stream while this is its call."""

    def __init__(self, source: RequestSource, config: StreamConfig) -> None:
        self._source = source
        self._config: StreamConfig | None = config
        self.is_over = False
        """Whether nothing more is taken."""

    def end(self) -> None:
        """The call has ended."""
        self._source.end_requests(self)

    def __iter__(self) -> CallRequests:
        return self

    def __next__(self) -> pb.StreamingTranslateRequest:
        if self._config is not None:
            config, self._config = self._config, None
            return wire.encode_request(config)
        request = self._source.take_request(self)
        if request is None:
            raise StopIteration
        return request


def open_call(
    stub: Any, requests: CallRequests, options: ClientOptions, timeout_s: float
) -> tuple[StreamCall, Opened]:
    """Opens a call at one server.

    Raises:
        Unavailable, ResourceExhausted: another server may be asked.
        TranslateSvcError: as the server says.
    """
    call = StreamCall(stub, requests, options, requests.end)
    try:
        return call, call.opened(timeout_s)
    except TranslateSvcError as error:
        call.cancel()
        if call.is_interrupted and not isinstance(error, Unavailable | ResourceExhausted):
            raise Unavailable(error.description) from error
        raise
    except BaseException:
        call.cancel()
        raise
