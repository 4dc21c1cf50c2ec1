"""Sends the events of one call as responses of the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message

from translate_svc.rpc.status import code_of
from translate_svc.types import SessionEvent

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

Encode: TypeAlias = Callable[[int, Any], Message]
"""Makes the ``seq``-th response of a call from an event."""


class EventWriter:
    """The ``EventSink`` of a call whose method writes with its context."""

    def __init__(self, context: Context, encode: Encode) -> None:
        self._context = context
        self._encode = encode
        self._seq = 0
        self._bytes_out = 0

    @property
    def bytes_out(self) -> int:
        """Size of all serialized responses so far."""
        return self._bytes_out

    async def send(self, event: SessionEvent) -> None:
        """Writes one response; returns when the transport has accepted it."""
        self._seq += 1
        response = self._encode(self._seq, event)
        self._bytes_out += response.ByteSize()
        await self._context.write(response)

    def status_of(self, error: BaseException | None) -> str:
        """The name of the gRPC code that the client gets."""
        return code_of(error).name
