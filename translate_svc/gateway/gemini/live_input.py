"""Turns what a client sends into the messages of a session."""

from __future__ import annotations

import binascii
import re
from collections import deque

import numpy as np

from translate_svc.audio.pcm import from_s16, to_s16
from translate_svc.audio.resampler import Resampler
from translate_svc.errors import InvalidArgument, OutOfRange, Unsupported
from translate_svc.gateway.gemini.live_message import LiveMessage, refuse
from translate_svc.gateway.gemini.live_output import INPUT, LiveOutput
from translate_svc.gateway.gemini.live_setup import LiveSetup
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.web_socket import WebSocket
from translate_svc.types import (
    AudioInput,
    ClearInput,
    ClientMessage,
    EndInput,
    FinalizeInput,
)

_PART_BYTES = 16 * 1024
"""Audio resampled and given to a session in one piece, so that no other session waits. At 8 kHz it becomes
twice as long, which must stay below what a session takes in one message.
"""
_SAMPLE_BYTES = 2
_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 48_000
_PCM = re.compile(r"audio/pcm(?:\s*;\s*rate=([0-9]{1,6}))?", re.IGNORECASE)
_TO_STANDARD = str.maketrans("-_", "+/")

_UNSERVED = {
    "clientContent": "is not served: only audio is translated",
    "toolResponse": "answers no call",
    "contextUpdate": "cannot change a translation",
    "setup": "came before",
}
_UNSERVED_INPUT = {
    "video": "is not served: only audio is translated",
    "text": "is not served: only audio is translated",
}
_INPUT = ("audio", "mediaChunks", "audioStreamEnd", "activityStart", "activityEnd", *_UNSERVED_INPUT)


class LiveInput:
    """The ``MessageSource`` of a session. A client ends it by closing the connection: what it will not hear
    is dropped then.
    """

    def __init__(self, socket: WebSocket, output: LiveOutput, setup: LiveSetup, position: int) -> None:
        """``position``: of the first sample that comes."""
        self._socket = socket
        self._output = output
        self._setup = setup
        self._waiting: deque[bytes | ClientMessage] = deque()
        self._audio = PcmAudio()
        self._position = position
        self._active = not setup.manual
        self._over = False

    async def receive(self) -> ClientMessage | None:
        """Implements ``MessageSource.receive``."""
        while True:
            while not self._waiting:
                if self._over:
                    return None
                data = await self._socket.receive_message()
                if data is None:
                    self._close()
                else:
                    self._read(LiveMessage(data))
            item = self._waiting.popleft()
            if not isinstance(item, bytes):
                if isinstance(item, FinalizeInput):
                    await self._output.end_turn(self._position)
                return item
            if pcm := self._audio.at_our_rate(item):
                self._position += len(pcm) // _SAMPLE_BYTES
                self._output.received(self._position)
                return AudioInput(pcm)

    def update(self, message: ClientMessage) -> None:
        """Gives the session ``message`` before all that the client sends."""
        self._waiting.append(message)

    def _close(self) -> None:
        self._over = True
        self._output.leave()
        self._waiting += (ClearInput(), EndInput(self._position))

    def _read(self, message: LiveMessage) -> None:
        if message.kind in _UNSERVED:
            raise Unsupported(_UNSERVED[message.kind], field=message.kind)
        body = message.body
        refuse(body, _UNSERVED_INPUT)
        body.refuse_unknown(_INPUT)
        blobs = body.objects("mediaChunks")
        if (audio := body.object("audio")) is not None:
            blobs.append(audio)
        if "activityStart" in body:
            self._check_manual(body, "activityStart")
            self._active = True
        for blob in blobs:
            self._hear(blob)
        if "activityEnd" in body:
            self._check_manual(body, "activityEnd")
            self._active = False
            self._end_turn()
        if body.boolean("audioStreamEnd", False):
            if self._setup.manual:
                raise InvalidArgument(
                    "must not come while activity detection is off", field=body.under("audioStreamEnd")
                )
            self._end_turn()

    def _check_manual(self, body: JsonObject, name: str) -> None:
        if not self._setup.manual:
            raise InvalidArgument("must not come while activity detection is on", field=body.under(name))

    def _hear(self, blob: JsonObject) -> None:
        data = self._audio.read(blob)
        if self._active:
            self._waiting += [data[start : start + _PART_BYTES] for start in range(0, len(data), _PART_BYTES)]

    def _end_turn(self) -> None:
        self._audio.end()
        self._waiting += (b"", FinalizeInput())


class PcmAudio:
    """Reads the audio of blobs: whole samples of 16-bit PCM, of one channel, at the rate that they name."""

    def __init__(self) -> None:
        self._rest = b""
        self._rate_hz: int | None = None
        self._resampler = Resampler(INPUT.sample_rate_hz, INPUT.sample_rate_hz)

    def read(self, blob: JsonObject) -> bytes:
        """The audio of ``blob``. Half a sample at its end waits for the next one.

        Raises:
            Unsupported: it is not PCM. Names the field.
            OutOfRange: its rate is not served. Names the field.
            InvalidArgument: it is not base64, or another rate came before. Names the field.
        """
        blob.refuse_unknown(("data", "mimeType", "displayName"))
        self._use(blob)
        text = blob.text("data", "")
        try:
            data = self._rest + binascii.a2b_base64(text.translate(_TO_STANDARD), strict_mode=True)
        except (binascii.Error, ValueError):
            raise InvalidArgument("is not base64", field=blob.under("data")) from None
        whole = len(data) - len(data) % _SAMPLE_BYTES
        self._rest = data[whole:]
        return data[:whole]

    def end(self) -> None:
        """A recording ends here. Half a sample at its end is dropped."""
        self._rest = b""

    def at_our_rate(self, data: bytes) -> bytes:
        """What of ``data`` the resampler gives at once; of an empty one, all that it still holds."""
        resampler = self._resampler
        if resampler.input_rate_hz == INPUT.sample_rate_hz:
            return data
        if data:
            samples = resampler.push(from_s16(np.frombuffer(data, "<i2")))
        else:
            samples = resampler.flush()
            self._resampler = Resampler(resampler.input_rate_hz, INPUT.sample_rate_hz)
        return to_s16(samples).tobytes()

    def _use(self, blob: JsonObject) -> None:
        field = blob.under("mimeType")
        matched = _PCM.fullmatch(blob.text("mimeType", "audio/pcm"))
        if matched is None:
            raise Unsupported("must be audio/pcm;rate=16000", field=field)
        rate_hz = int(matched[1] or INPUT.sample_rate_hz)
        if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
            raise OutOfRange(f"must name a rate of {_MIN_RATE_HZ} to {_MAX_RATE_HZ} Hz", field=field)
        if self._rate_hz is None:
            self._rate_hz = rate_hz
            self._resampler = Resampler(rate_hz, INPUT.sample_rate_hz)
        if rate_hz != self._rate_hz:
            raise InvalidArgument("cannot change its rate once audio has come", field=field)
