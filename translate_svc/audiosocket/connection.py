"""One call over Asterisk's AudioSocket: a TCP connection with packets of a kind, a length and a payload."""

from __future__ import annotations

import asyncio
import logging
import struct
import uuid
from collections import deque
from types import MappingProxyType

from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.telephone.call_events import CallAudio, CallEvent, CallStarted, HungUp, KeyPressed
from translate_svc.types import AudioFormat, Encoding

_HANGUP, _ID, _KEY, _ERROR = 0x00, 0x01, 0x03, 0xFF
_RATES_HZ = MappingProxyType(
    {
        0x10: 8_000,
        0x11: 12_000,
        0x12: 16_000,
        0x13: 24_000,
        0x14: 32_000,
        0x15: 44_100,
        0x16: 48_000,
        0x17: 96_000,
        0x18: 192_000,
    }
)
"""Of 16-bit samples, by the kind of the packet."""
_MAX_RATE_HZ = 48_000
_HEADER = struct.Struct("!BH")
_ID_BYTES = 16
_FRAMES_A_SECOND = 50

_log = logging.getLogger(__name__)


class AudioSocketConnection:
    """Implements ``CallSocket``. Asterisk plays each packet when it comes, so they are sent one by one.

    Source: CyCoreSystems, AudioSocket; Asterisk, "AudioSocket".
    """

    ahead_ms = 40
    audio_field = "payload"

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._line = ""
        self._kind = 0
        self._frame_bytes = 0
        self._events: deque[CallEvent] = deque()
        self.bytes_out = 0
        """Implements ``CallSocket.bytes_out``."""

    def status_of(self, error: BaseException | None) -> str:
        """Implements ``CallSocket.status_of``: a hang-up says nothing."""
        return ""

    async def receive(self) -> CallEvent:
        """Implements ``CallSocket.receive``. The call starts with its first audio, which tells its rate. Who
        closes the connection has hung up.
        """
        while not self._events:
            try:
                kind, length = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
                payload = await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, OSError):
                return HungUp()
            self._read(kind, payload)
        return self._events.popleft()

    async def play(self, data: bytes) -> None:
        """Implements ``CallSocket.play``."""
        for start in range(0, len(data), self._frame_bytes):
            await self._send(self._kind, data[start : start + self._frame_bytes])

    async def mark(self, name: str) -> None:
        """Implements ``CallSocket.mark``: the protocol has none."""

    async def clear(self) -> None:
        """Implements ``CallSocket.clear``: Asterisk holds nothing that it could drop."""

    async def hang_up(self) -> None:
        """Ends the call in good order."""
        await self._send(_HANGUP, b"")

    def _read(self, kind: int, payload: bytes) -> None:
        if kind in _RATES_HZ:
            self._hear(kind, payload)
        elif kind == _ID:
            if len(payload) != _ID_BYTES:
                raise InvalidArgument("must have 16 bytes", field="uuid")
            self._line = str(uuid.UUID(bytes=payload))
        elif kind == _KEY:
            if self._kind:
                self._events.append(KeyPressed(payload.decode("ascii", "replace")))
        elif kind == _HANGUP:
            self._events.append(HungUp())
        elif kind == _ERROR:
            _log.warning("Asterisk reports error 0x%s of a call", payload[:4].hex())
        else:
            raise InvalidArgument(f"0x{kind:02x} is not of the protocol", field="type")

    def _hear(self, kind: int, payload: bytes) -> None:
        if not self._kind:
            rate_hz = _RATES_HZ[kind]
            if rate_hz > _MAX_RATE_HZ:
                raise Unsupported(f"must be 0x10 to 0x16, at most {_MAX_RATE_HZ} Hz", field="type")
            self._kind = kind
            self._frame_bytes = 2 * (rate_hz // _FRAMES_A_SECOND)
            self._events.append(CallStarted(AudioFormat(Encoding.PCM_S16LE, rate_hz), line=self._line))
        if kind != self._kind:
            raise InvalidArgument("changes within a call", field="type")
        self._events.append(CallAudio(payload))

    async def _send(self, kind: int, payload: bytes) -> None:
        packet = _HEADER.pack(kind, len(payload)) + payload
        self.bytes_out += len(packet)
        self._writer.write(packet)
        await self._writer.drain()
