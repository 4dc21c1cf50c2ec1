"""One call of Translate by the blocking client."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import grpc

from translate_svc import wire
from translate_svc.client.failures import error_of
from translate_svc.client.options import ClientOptions
from translate_svc.client.sequence_check import call_sequence
from translate_svc.client.translation import Translation, TranslationBuilder
from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import ResultEvent, TranslateRequest
from translate_svc.v1 import speech_translation_pb2 as pb


class TranslateCall:
    """Made by ``Client.translate``. Iterate over it for the events as they come, or call ``result()``.

    Each iteration and each ``result()`` starts a call of its own. A server that is not reachable or full is
    left out if there is another one. If you leave an iteration early, the call is cancelled, and the server
    stops its work at once. Both raise the exceptions of this package; ``InvalidArgument`` and ``OutOfRange``
    name the field.
    """

    def __init__(self, stubs: Sequence[Any], request: TranslateRequest, options: ClientOptions) -> None:
        """``stubs``: one for each server that may be asked."""
        self._stubs = stubs
        self._request = request
        self._options = options

    def result(self) -> Translation:
        """The complete translation.

        Raises:
            TranslationFailed: the server could not translate the text or clip.
        """
        builder = TranslationBuilder(self._request.output)
        with closing(iter(self)) as events:
            for event in events:
                builder.add(event)
        return builder.build()

    def __iter__(self) -> Generator[ResultEvent, None, None]:
        message = wire.encode_translate_request(self._request)
        for number, stub in enumerate(self._stubs, 1):
            has_begun = False
            try:
                with closing(self._events(stub, message)) as events:
                    for event in events:
                        has_begun = True
                        yield event
                return
            except (Unavailable, ResourceExhausted):
                if has_begun or number == len(self._stubs):
                    raise

    def _events(self, stub: Any, message: pb.TranslateRequest) -> Generator[ResultEvent, None, None]:
        """The events of a call at one server."""
        sequence = call_sequence()
        call = stub.Translate(
            message, timeout=self._options.translate_timeout_s, metadata=self._options.metadata()
        )
        try:
            for response in call:
                event = sequence.accept(response)
                if event is not None:
                    yield event
        except grpc.RpcError as error:
            if call.cancelled():
                raise TranslateSvcError("the call was cancelled") from None
            raise error_of(call.code(), call.details(), call.trailing_metadata()) from error
        finally:
            call.cancel()  # gRPC never cancels an abandoned call
