"""The connection of a call: events over its data channel, audio over its tracks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from aiortc import RTCDataChannel

from translate_svc.errors import InvalidArgument, ResourceExhausted
from translate_svc.gateway.failures import Failure
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.web_socket import EventTexts, WireEvent
from translate_svc.gateway.webrtc.heard_audio import ON_ITS_WAY_S
from translate_svc.gateway.webrtc.speech_track import SpeechTrack
from translate_svc.serving.frame_pace import FramePace
from translate_svc.types import Cleared, SessionEvent

_SPEECH = "session.output_audio.delta"

_MAX_WAITING = 512
"""Messages and frames of audio that the session has not taken; ten seconds of audio."""
_LOW_PART = 4


class CallConnection:
    """Implements ``Connection``.

    What the client says comes as the events that a WebSocket would bring; before the session has its target,
    it is dropped. Speech in the first spoken language goes to the track, everything else to the data channel.
    """

    def __init__(self, options: GatewayOptions, speech: SpeechTrack, leave: Callable[[], None]) -> None:
        """``leave`` is called, once, when the client is found to have left."""
        self._options = options
        self._speech = speech
        self._on_left = leave
        self._inbox: asyncio.Queue[str | bytes | InvalidArgument] = asyncio.Queue(_MAX_WAITING)
        self._rest: deque[str | bytes | InvalidArgument] = deque()  # what is left of the inbox at the end
        self._overrun = False
        self._pace = FramePace()
        self._channel = EventChannel(options, self._take_message, self.leave)
        self._closed = asyncio.Event()
        self._spoken: str | None = None
        self._begun = False
        self._clears = 0
        self._closing = False
        self._over = False
        self._last: WireEvent | None = None
        self.left = False
        """Whether the client has left."""

    @property
    def opened(self) -> asyncio.Event:
        """Set when the data channel is open."""
        return self._channel.opened

    @property
    def bytes_out(self) -> int:
        """Implements ``Connection.bytes_out``; speech on the track counts as 16-bit PCM."""
        return self._channel.bytes_out

    def attach(self, channel: RTCDataChannel) -> None:
        """Uses the client's data channel, which is open."""
        self._channel.attach(channel)

    def leave(self) -> None:
        """The client has left."""
        self._closed.set()
        if not self.left and not self._over:
            self.left = True
            self._on_left()

    def hear(self, pcm: bytes) -> None:
        """Takes audio of the client, in the format of the session."""
        if self._begun and not self._closing:
            self._put(pcm)

    async def receive(self) -> str:
        """Implements ``Connection.receive``."""
        while True:
            if self._overrun:
                raise ResourceExhausted("the server cannot keep up with the call")
            item = self._rest.popleft() if self._rest else await self._inbox.get()
            if isinstance(item, InvalidArgument):
                raise item
            if isinstance(item, bytes):
                return json.dumps(
                    {"type": "session.input_audio_buffer.append", "audio": base64.b64encode(item).decode()}
                )
            match _fields(item).get("type"):
                case "session.input_audio_buffer.append":
                    raise InvalidArgument("a call is heard by its audio track", field="type")
                case "session.input_audio_buffer.clear" if self._begun and not self._closing:
                    self._clears += 1
                    self._speech.clear()
                case "session.close" if not self._closing:
                    await self._hear_to_the_end(item)
                    continue
            return item

    def follow(self, event: SessionEvent) -> None:
        """Implements ``Connection.follow``. Speech that comes before a clear has taken effect is old."""
        if isinstance(event, Cleared):
            self._clears = max(0, self._clears - 1)

    async def send(self, event: WireEvent) -> None:
        """Implements ``Connection.send``. The session's last event waits for ``end``."""
        match event["type"]:
            case kind if kind == _SPEECH and event["language"] == self._spoken:
                await self._speak(base64.b64decode(event["delta"]))
                if "units" not in event:
                    return
                event = event | {"delta": ""}
            case "session.created" | "session.updated":
                self._follow(event["session"])
            case "session.closed":
                self._last = event
                return
        await self._channel.send(event)

    async def send_failure(self, failure: Failure, event_id: str | None = None) -> None:
        """Implements ``Connection.send_failure``."""
        self._pace.count_error()
        await self._channel.send(failure.to_event(event_id))

    async def played(self) -> None:
        """Implements ``Connection.played``: waits for the track, unless the client has left."""
        await self._unless_closed(self._speech.played())

    async def end(self, failure: Failure | None = None) -> None:
        """Waits until the speech was played, and sends the last event or ``failure``. The client then has a
        moment to read it and to hang up.
        """
        self._over = True
        if not self.opened.is_set():
            return
        await self.played()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * self._options.abort_timeout_s):
                if failure is not None:
                    await self._unless_closed(self._channel.send(failure.to_event()))
                elif self._last is not None:
                    await self._unless_closed(self._channel.send(self._last))
                await self._closed.wait()

    async def _hear_to_the_end(self, close: str) -> None:
        """The audio that is on its way when ``close`` comes goes before it. A microphone stays on while the
        call ends: what comes later is not heard.
        """
        if self._begun:
            await asyncio.sleep(ON_ITS_WAY_S)
        self._closing = True
        behind = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        self._rest += [each for each in behind if isinstance(each, bytes)]
        self._rest.append(close)
        self._rest += [each for each in behind if not isinstance(each, bytes)]

    async def _unless_closed(self, work: Coroutine[Any, Any, None]) -> None:
        """Does ``work``, but not for a client that has left."""
        doing, closed = asyncio.ensure_future(work), asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({doing, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            doing.cancel()
            closed.cancel()

    async def _speak(self, pcm: bytes) -> None:
        if self._clears:
            return
        self._channel.bytes_out += len(pcm)
        self._speech.append(pcm)
        await self._speech.room()

    def _follow(self, session: dict[str, Any]) -> None:
        """Takes the language of the track from a session object."""
        targets = session["audio"]["output"].get("targets", [])
        self._spoken = next((target["language"] for target in targets if target["speech"]), None)
        self._begun = bool(targets)

    def _take_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._put(InvalidArgument("messages are JSON, sent as text"))
        elif len(message) > self._options.max_message_bytes:
            self._put(InvalidArgument("the message is too long"))
        else:
            self._put(message)

    def _put(self, item: str | bytes | InvalidArgument) -> None:
        try:
            self._inbox.put_nowait(item)
        except asyncio.QueueFull:
            self._overrun = True


def _fields(text: str) -> dict[str, Any]:
    """The fields of an event; empty if the text is not one, which its reader refuses."""
    with contextlib.suppress(ValueError, RecursionError):
        values = json.loads(text)
        if isinstance(values, dict):
            return values
    return {}


class EventChannel:
    """Sends events while the client reads them, and hands over its messages."""

    def __init__(
        self, options: GatewayOptions, take: Callable[[str | bytes], None], leave: Callable[[], None]
    ) -> None:
        """``take`` is called with each message of the client, ``leave`` when its channel has closed."""
        self._options = options
        self._take = take
        self._leave = leave
        self._texts = EventTexts()
        self._channel: RTCDataChannel | None = None
        self._sent = asyncio.Event()
        self.opened = asyncio.Event()
        """Set when the channel is open."""
        self.bytes_out = 0
        """Size of all events so far."""

    def attach(self, channel: RTCDataChannel) -> None:
        """Uses the client's data channel, which is open."""
        self._channel = channel
        channel.bufferedAmountLowThreshold = self._options.send_buffer_bytes // _LOW_PART
        channel.on("message", self._take)
        channel.on("bufferedamountlow", self._sent.set)
        channel.on("close", self._leave)
        self.opened.set()

    async def send(self, event: WireEvent) -> None:
        """Sends an event, and waits while too much is unsent. Never returns once the channel has closed."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            self._leave()
            await asyncio.Event().wait()
        assert channel is not None, "the call is connected"
        text = self._texts.text(event)
        self.bytes_out += len(text)
        channel.send(text)
        while channel.bufferedAmount > self._options.send_buffer_bytes:
            self._sent.clear()
            await self._sent.wait()
