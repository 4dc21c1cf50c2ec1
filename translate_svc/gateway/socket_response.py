"""aiohttp's WebSocket, with what RFC 6455 asks of a server and aiohttp does not do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSCloseCode, web

_MASK_BIT = 0x80
_NOT_A_FRAME = b"\xff\x00"
"""Every reserved bit is set: any parser ends the connection with 1002."""


class SocketResponse(web.WebSocketResponse):
    """Refuses frames without a mask (section 5.1), and says why before it closes for a message's size."""

    def __init__(self, on_too_long: Callable[[], Awaitable[str]], **options: Any) -> None:
        """``on_too_long`` is called before the close with 1009, and returns the reason that it names."""
        super().__init__(**options)
        self._on_too_long = on_too_long

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        """Implements ``WebSocketResponse.close``, which ``receive`` calls for a message that is too long."""
        if code == WSCloseCode.MESSAGE_TOO_BIG and not self.closed:
            message = (await self._on_too_long()).encode()
        return await super().close(code=code, message=message, drain=drain)

    def _post_start(self, request: Any, protocol: Any, writer: Any) -> None:
        """Puts ``MaskedFrames`` before the parser, from the first byte after the handshake on."""
        handler = request.protocol
        pipelined = bytes(handler._message_tail)
        super()._post_start(request, protocol, writer)
        handler._payload_parser = MaskedFrames(handler._payload_parser, pipelined)


class MaskedFrames:
    """Passes bytes on to a parser of frames. At a frame without a mask the parser gets what is no frame."""

    def __init__(self, parser: Any, passed: bytes = b"") -> None:
        """``passed``: what the parser has had already."""
        self._parser = parser
        self._skip = 0
        self._held = b""  # the beginning of a header
        self._passed = len(passed)  # bytes of what comes first that the parser has
        if passed:
            self.feed_data(passed)

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Implements the parser's method."""
        data = self._held + bytes(data)
        masked, self._held = self._masked(data)
        new = masked[self._passed :]
        self._passed = max(0, self._passed - len(masked))
        result: tuple[bool, bytes] = self._parser.feed_data(new)
        if len(masked) + len(self._held) < len(data):
            result = self._parser.feed_data(_NOT_A_FRAME)
        return result

    def feed_eof(self) -> None:
        """Implements the parser's method."""
        self._parser.feed_eof()

    def _masked(self, data: bytes) -> tuple[bytes, bytes]:
        """The masked frames at the beginning of ``data``, and the beginning of a header behind them. What is
        neither has no mask.
        """
        at = min(self._skip, len(data))
        self._skip -= at
        while at < len(data):
            size = frame_size(data[at : at + 10])
            if size is None:
                return data[:at], data[at:]
            if not size:
                return data[:at], b""
            step = min(size, len(data) - at)
            self._skip = size - step
            at += step
        return data, b""


def frame_size(head: bytes) -> int | None:
    """Bytes of the frame that begins so, its header included; 0: it has no mask; None: not known yet."""
    if len(head) < 2:
        return None
    if not head[1] & _MASK_BIT:
        return 0
    length = head[1] & ~_MASK_BIT
    extended = {126: 2, 127: 8}.get(length, 0)
    if len(head) < 2 + extended:
        return None
    if extended:
        length = int.from_bytes(head[2 : 2 + extended])
    return 2 + extended + 4 + length
