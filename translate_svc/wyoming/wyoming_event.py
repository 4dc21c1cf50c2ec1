"""Events of the Wyoming protocol: a line of JSON, then data as JSON and a payload, each of a given length."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from translate_svc.errors import InvalidArgument, OutOfRange, TranslateSvcError
from translate_svc.serving.frame_pace import FramePace

_MAX_DATA_BYTES = 64 * 1024
_MAX_PAYLOAD_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WyomingEvent:
    """One event. ``payload``: audio."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    @property
    def encoded(self) -> bytes:
        """What is sent."""
        header: dict[str, Any] = {"type": self.type}
        data = json.dumps(self.data, ensure_ascii=False).encode() if self.data else b""
        if data:
            header["data_length"] = len(data)
        if self.payload:
            header["payload_length"] = len(self.payload)
        return json.dumps(header).encode() + b"\n" + data + self.payload

    def text(self, name: str) -> str:
        """A field of ``data``; empty if it is absent. Raises InvalidArgument: it is no text."""
        return text_of(self.data, name, name)

    def object(self, name: str) -> dict[str, Any]:
        """A field of ``data``; empty if it is absent. Raises InvalidArgument: it is no object."""
        value = self.data.get(name)
        if value is not None and not isinstance(value, dict):
            raise InvalidArgument("must be an object", field=name)
        return value or {}


def text_of(values: dict[str, Any], name: str, path: str) -> str:
    """A text among ``values``; empty if it is absent. Raises InvalidArgument, with ``path``: it is none."""
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidArgument("must be a string", field=path)
    return value or ""


class EventStream:
    """The events of one connection, in both directions."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pace = FramePace()
        self.bytes_out = 0
        """Size of all events sent so far."""

    async def receive(self) -> WyomingEvent | None:
        """The client's next event; None: it has left.

        Raises:
            InvalidArgument: it is not an event.
            OutOfRange: it is larger than is served.
        """
        try:
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                return None
            header = _object(line, "header")
            data = header.get("data") or {}
            if not isinstance(header.get("type"), str) or not isinstance(data, dict):
                raise InvalidArgument("must have a type, and data that is an object", field="header")
            if length := _length(header, "data_length", _MAX_DATA_BYTES):
                data = data | _object(await self._reader.readexactly(length), "data")
            length = _length(header, "payload_length", _MAX_PAYLOAD_BYTES)
            payload = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return None
        except ValueError:  # of ``readline``
            raise OutOfRange("is too long", field="header") from None
        await self._pace.keep()
        return WyomingEvent(header["type"], data, payload)

    async def send(self, event: WyomingEvent) -> None:
        """Sends an event. Waits while the client does not take earlier ones."""
        await self.send_encoded(event.encoded)

    async def send_encoded(self, data: bytes) -> None:
        """Sends an event that is encoded already.

        Raises:
            ConnectionError: the client has left.
        """
        self.bytes_out += len(data)
        self._writer.write(data)
        try:
            await self._writer.drain()
        except OSError:  # the system names many ways to lose a connection
            raise ConnectionResetError("the client has left") from None


def status_of(error: BaseException | None) -> str:
    """The code of the ``error`` that a client gets: ``OK`` if it gets none, and nothing if it has left."""
    if error is None:
        return "OK"
    if isinstance(error, asyncio.CancelledError | ConnectionError):
        return ""
    return type(error).__name__ if isinstance(error, TranslateSvcError) else "Internal"


def _object(data: bytes, field: str) -> dict[str, Any]:
    try:
        values = json.loads(data)
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidArgument("holds half of a surrogate pair", field=field) from None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise InvalidArgument("must be an object of JSON", field=field)
    return values


def _length(header: dict[str, Any], name: str, most: int) -> int:
    value = header.get(name) or 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidArgument("must be a number of bytes", field=name)
    if value > most:
        raise OutOfRange(f"must be at most {most}", field=name)
    return value
