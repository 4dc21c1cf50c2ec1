"""Reads the message of a call with a single request: bounded, and after what metadata alone can refuse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from translate_svc.errors import InvalidArgument
from translate_svc.rpc.authentication import HEALTH_PREFIX, scope_of
from translate_svc.rpc.event_writer import Context
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.peer import peer
from translate_svc.rpc.read_limiter import ReadLimiter
from translate_svc.serving.stream_driver import idle_timeout
from translate_svc.types import Scope
from translate_svc.wire.entry_count import check_entries

Deserialize = Callable[[bytes], Any]

_HEALTH_READS, _HEALTH_READS_PER_CALLER = 16, 4
_SMALL_BYTES = 256 * 1024
"""Parsed without a wait: it is parsed in less than a millisecond, or refused in two."""
_PAUSE_RATIO = 3


class RequestReader:
    """Reads and parses messages of calls with a single request. ``grpc.aio`` itself would not wait."""

    def __init__(
        self, options: RpcOptions, reads: ReadLimiter, check_admission: Callable[[], Awaitable[None]]
    ) -> None:
        """``check_admission`` raises if a translation would be refused with any message."""
        self._options = options
        self._reads = reads
        # health checks come without a key, and must not wait for anything else
        self._health_reads = ReadLimiter(
            _HEALTH_READS, _HEALTH_READS_PER_CALLER, wait_timeout_s=options.config_timeout_s
        )
        self._check_admission = check_admission
        self._turn = asyncio.Lock()

    async def read(self, method: str, deserialize: Deserialize, context: Context) -> Any:
        """The request of a call. The call's ``context.read`` must give bytes.

        Raises:
            PermissionDenied, ResourceExhausted, Unavailable, EngineLost: ``check_admission`` refuses; nothing
                was read.
            ResourceExhausted: too many messages arrive at the same time.
            StreamTimeout: the message did not arrive in time.
            InvalidArgument: there is no message, or its bytes are not one of the contract.
            OutOfRange: it holds too many fields.
        """
        if scope_of(method) is not Scope.INFO:
            await self._check_admission()
        reads = self._health_reads if method.startswith(HEALTH_PREFIX) else self._reads
        timeout_s = self._options.message_timeout_s
        async with reads.hold(peer()) as read:
            try:
                async with asyncio.timeout(timeout_s):
                    data = await context.read()
            except TimeoutError:
                raise idle_timeout(timeout_s) from None
            if data is grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
                raise InvalidArgument("the call holds no message")
            read.size_bytes = len(data)
            if len(data) <= _SMALL_BYTES:
                return parse(data, deserialize)
            # large ones together take a quarter of the event loop's time at most
            async with self._turn:
                began_s = time.perf_counter()
                try:
                    return parse(data, deserialize)
                finally:
                    del data
                    await asyncio.sleep(_PAUSE_RATIO * (time.perf_counter() - began_s))


def parse(data: bytes, deserialize: Deserialize) -> Any:
    """A message of its bytes.

    Raises:
        InvalidArgument: they are not a message of the contract.
        OutOfRange: it holds too many fields.
    """
    message_class = getattr(deserialize, "__self__", None)  # of protobuf's own FromString
    if message_class is not None:
        check_entries(data, message_class.DESCRIPTOR)
    try:
        return deserialize(data)
    except DecodeError:
        raise InvalidArgument("the bytes are not a message of the contract") from None
