"""One call of Translate by the asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import grpc

from translate_svc import wire
from translate_svc.client.aio.final_status import FinalStatus
from translate_svc.client.aio.stream_call import cancellations
from translate_svc.client.options import ClientOptions
from translate_svc.client.sequence_check import call_sequence
from translate_svc.client.translation import Translation, TranslationBuilder
from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import ResultEvent, TranslateRequest
from translate_svc.v1 import speech_translation_pb2 as pb


class AsyncTranslateCall:
    """Made by ``AsyncClient.translate``. Iterate over it for the events as they come, or ``await result()``.

    Each iteration and each ``result()`` starts a call of its own. A server that is not reachable or full is
    left out if there is another one. If you leave an iteration early or cancel
    the task, the call is cancelled, and the server stops its work at once. Both raise the exceptions of this
    package; ``InvalidArgument`` and ``OutOfRange`` name the field.
    """

    def __init__(self, stubs: Sequence[Any], request: TranslateRequest, options: ClientOptions) -> None:
        """``stubs``: one for each server that may be asked."""
        self._stubs = stubs
        self._request = request
        self._options = options

    async def result(self) -> Translation:
        """The complete translation.

        Raises:
            TranslationFailed: the server could not translate the text or clip.
        """
        builder = TranslationBuilder(self._request.output)
        async with aclosing(aiter(self)) as events:
            async for event in events:
                builder.add(event)
        return builder.build()

    async def __aiter__(self) -> AsyncGenerator[ResultEvent, None]:
        message = wire.encode_translate_request(self._request)
        for number, stub in enumerate(self._stubs, 1):
            has_begun = False
            try:
                async with aclosing(self._events(stub, message)) as events:
                    async for event in events:
                        has_begun = True
                        yield event
                return
            except (Unavailable, ResourceExhausted):
                if has_begun or number == len(self._stubs):
                    raise

    async def _events(self, stub: Any, message: pb.TranslateRequest) -> AsyncGenerator[ResultEvent, None]:
        """The events of a call at one server."""
        sequence = call_sequence()
        call = stub.Translate(
            message, timeout=self._options.translate_timeout_s, metadata=self._options.metadata()
        )
        final_status = FinalStatus(call)
        before = cancellations()
        try:
            while isinstance(response := await call.read(), pb.TranslateResponse):
                event = sequence.accept(response)
                if event is not None:
                    yield event
        except grpc.aio.AioRpcError as error:
            if cancellations() > before:
                raise asyncio.CancelledError from None  # which gRPC ignores while it waits for a status
            raise final_status.error() or TranslateSvcError("the call has ended") from error
        except asyncio.CancelledError:
            if cancellations():
                raise
            # the call was cancelled (its channel was closed), not this task
            raise TranslateSvcError("the call was cancelled") from None
        finally:
            call.cancel()  # gRPC never cancels an abandoned call
