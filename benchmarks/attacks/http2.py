"""HTTP/2 as a client of bad will speaks it: any frame, at any time, over a plain socket."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_MAX_FRAME_BYTES = 16_384
_MOST = (1 << 31) - 1
_DEFAULT_WINDOW = 65_535


@dataclass
class Call:
    """One call. ``outcome``: its ``grpc-status``, or ``reset N`` or ``cut off``; empty while it lives.

    ``window``: the bytes that may still be sent.
    """

    stream_id: int
    window: int
    outcome: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, outcome: str) -> None:
        if not self.outcome:
            self.outcome = outcome
            self.ended.set()


class Connection:
    """One connection. It keeps to flow control where ``send_message`` is used, and takes all that comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._next_stream_id = 1
        self._window = _DEFAULT_WINDOW
        self._initial_window = _DEFAULT_WINDOW
        self._moved = asyncio.Event()
        self.calls: dict[int, Call] = {}
        self.received: Counter[str] = Counter()
        """Frames by their kind."""
        self.is_cut = asyncio.Event()
        """Set when the server has closed the connection."""
        self.greeted = asyncio.Event()
        """Set when both have acknowledged the other's settings, or the connection is cut."""

    def start_call(self, path: str, key: str = "", *, end_stream: bool = False) -> tuple[Call, bytes]:
        """A new call, and its HEADERS frame, which is to be written in the order of these calls."""
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "attacked"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        if key:
            headers.append(("authorization", f"Bearer {key}"))
        flags = ["END_HEADERS"] + ["END_STREAM"] * end_stream
        call = Call(self._next_stream_id, self._initial_window)
        frame = HeadersFrame(call.stream_id, self._encoder.encode(headers), flags=flags)
        self._next_stream_id += 2
        self.calls[call.stream_id] = call
        return call, frame.serialize()

    async def write(self, data: bytes) -> None:
        """Sends bytes as they are.

        Raises:
            ConnectionError: the server has closed the connection.
        """
        if self.is_cut.is_set():
            raise ConnectionResetError("the server has closed the connection")
        self._writer.write(data)
        await self._writer.drain()

    async def send_message(self, call: Call, data: bytes, *, half_close: bool = False) -> None:
        """Sends bytes of the body of a call, as its windows allow, or until the call has ended."""
        at = 0
        while not call.outcome and at < len(data):
            size = min(_MAX_FRAME_BYTES, len(data) - at, call.window, self._window)
            if size <= 0:
                self._moved.clear()
                await self._moved.wait()
                continue
            flags = ["END_STREAM"] * (half_close and at + size == len(data))
            frame = DataFrame(call.stream_id, data[at : at + size], flags=flags)
            at += size
            call.window -= size
            self._window -= size
            await self.write(frame.serialize())

    async def read(self) -> None:
        """Takes what the server sends, until it closes the connection."""
        try:
            while True:
                frame, length = Frame.parse_frame_header(memoryview(await self._reader.readexactly(9)))
                frame.parse_body(memoryview(await self._reader.readexactly(length)))
                self._take(frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.is_cut.set()
            self.greeted.set()
            self._moved.set()
            for call in self.calls.values():
                call.end("cut off")

    def _greet(self) -> None:
        if self.received["Settings"] >= 2:
            self.greeted.set()

    def _take(self, frame: Frame) -> None:
        self.received[type(frame).__name__.removesuffix("Frame")] += 1
        call = self.calls.get(frame.stream_id)
        match frame:
            case SettingsFrame() if "ACK" not in frame.flags:
                initial = frame.settings.get(SettingsFrame.INITIAL_WINDOW_SIZE, self._initial_window)
                for each in self.calls.values():
                    each.window += initial - self._initial_window
                self._initial_window = initial
                self._writer.write(SettingsFrame(flags=["ACK"]).serialize())
                self._greet()
            case SettingsFrame():
                self._greet()
            case WindowUpdateFrame(stream_id=0):
                self._window += frame.window_increment
            case WindowUpdateFrame() if call is not None:
                call.window += frame.window_increment
            case HeadersFrame():
                headers = dict(self._decoder.decode(frame.data, raw=True))
                if call is not None and b"grpc-status" in headers:
                    call.end(headers[b"grpc-status"].decode())
            case RstStreamFrame() if call is not None:
                call.end(f"reset {frame.error_code}")
            case PingFrame() if "ACK" not in frame.flags:
                self._writer.write(PingFrame(opaque_data=frame.opaque_data, flags=["ACK"]).serialize())
            case GoAwayFrame():
                self.received[f"GoAway {frame.error_code} {frame.additional_data.decode()}"] += 1
            case _:
                return
        self._moved.set()


@asynccontextmanager
async def connect(
    target: str, source: str | None = None, *, window_bytes: int = _MOST
) -> AsyncIterator[Connection]:
    """A connection from the local address ``source``; ``window_bytes`` of each call may be sent to it.

    Raises:
        OSError: the server takes no connection.
    """
    host, _, port = target.rpartition(":")
    reader, writer = await asyncio.open_connection(
        host, int(port), local_addr=(source, 0) if source else None
    )
    connection = Connection(reader, writer)
    settings = SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: window_bytes}).serialize()
    more = WindowUpdateFrame(0, window_increment=_MOST - _DEFAULT_WINDOW).serialize()
    writer.write(_PREFACE + settings + more)
    reading = asyncio.create_task(connection.read())
    try:
        yield connection
    finally:
        writer.transport.abort()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def message(data: bytes) -> bytes:
    """A gRPC message: the prefix with its length, and its bytes."""
    return b"\0" + len(data).to_bytes(4, "big") + data
