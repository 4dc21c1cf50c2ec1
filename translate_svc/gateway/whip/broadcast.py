"""One speaker over WHIP, whose words are translated, and those who hear a language over WHEP."""

from __future__ import annotations

import asyncio
import contextlib

from aiortc import MediaStreamTrack, RTCIceServer

from translate_svc.access.callers import Identified
from translate_svc.errors import ResourceExhausted, StreamTimeout
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import close_code_of
from translate_svc.gateway.realtime.dialect import OUTPUT
from translate_svc.gateway.webrtc.heard_audio import ON_ITS_WAY_S, RATE_HZ, heard_audio
from translate_svc.gateway.webrtc.offer import Offer
from translate_svc.gateway.webrtc.peer import Peer
from translate_svc.gateway.webrtc.speech_track import SpeechTrack
from translate_svc.serving.protocols import StreamSession
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import (
    DEFAULT_ENCODING,
    AudioFormat,
    AudioInput,
    ClientMessage,
    EndInput,
    SessionEvent,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
)

_SAMPLE_BYTES = 2
_PART_BYTES = 32 * 1024
_MAX_WAITING = 512
"""Frames of audio that the session has not taken: ten seconds."""
_LAST_WORDS_S = 30.0
"""How long listeners still hear what was said at the end: as much as their tracks hold."""


class Listener:
    """One who hears a language."""

    def __init__(self, offer: Offer, ice_servers: list[RTCIceServer], patience_s: float) -> None:
        self.gone = asyncio.Event()
        """Set when the listener has left."""
        self.peer = Peer(offer, ice_servers, patience_s, self.gone.set)
        self.speech = SpeechTrack()

    async def answer(self) -> str:
        """The SDP answer, as ``Peer.answer``."""
        return await self.peer.answer(self.speech)


class Broadcast:
    """The ``MessageSource`` and the ``EventSink`` of its session."""

    def __init__(
        self, context: GatewayContext, ice_servers: list[RTCIceServer], offer: Offer, languages: list[str]
    ) -> None:
        """``languages``: the codes of those that can be heard."""
        self._context = context
        patience_s = context.options.connect_timeout_s
        self.peer = Peer(offer, ice_servers, patience_s, self.hang_up)
        """The connection to the speaker."""
        self.languages = languages
        self.listeners: dict[str, dict[str, Listener]] = {language: {} for language in languages}
        """By language and name."""
        self.has_ended = False
        """Whether its listeners were told to go. One who came later would not be told."""
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue(_MAX_WAITING + 1)  # the last one is None
        self._overrun = self._over = False
        self._samples = 0
        self._told_end = False
        self.bytes_out = 0
        """Implements ``EventSink.bytes_out``: speech as 16-bit PCM, once for all listeners."""
        self._listening: asyncio.Task[None] | None = None
        self._session: StreamSession | None = None
        self.peer.connection.on("track", self._listen)

    async def driver(self, settings: StreamSettings, who: Identified) -> StreamDriver:
        """Opens the session, which must be run, or ended by ``close``.

        Raises:
            TranslateSvcError: it is not admitted.
        """
        audio = AudioFormat(DEFAULT_ENCODING, RATE_HZ)
        with self._context.calls.admission():
            self._context.calls.check_open()
            config = StreamConfig(audio, OUTPUT, settings)
            self._session = session = await self._context.service.open_session(config, who.caller)
        return StreamDriver(self, self, session, self._context.options, heard=self._heard_by_all)

    async def close(self) -> None:
        """Closes a connection whose session is not run."""
        self._end_listening()
        await self.peer.close()
        if self._session is not None:
            await self._session.cancel()

    async def run(self, driver: StreamDriver, who: Identified) -> None:
        """Runs the session until the speaker has left, closes that connection, and tells listeners to go."""
        try:
            await self._context.calls.run(driver, who.may_stay)
            await self._heard_by_all()
        finally:
            self._end_listening()
            self.has_ended = True
            for each in self.everybody():
                each.gone.set()
            await self.peer.close()

    async def _heard_by_all(self) -> None:
        """Waits until listeners have heard what was said."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await asyncio.gather(*(each.speech.played() for each in self.everybody()))

    def hang_up(self) -> None:
        """The speaker has left. What was said is still translated and heard, also what is on its way now."""
        asyncio.get_running_loop().call_later(ON_ITS_WAY_S, self._stop_hearing)

    async def receive(self) -> ClientMessage | None:
        """Implements ``MessageSource.receive``."""
        if self._told_end:
            return None
        if self._overrun:
            raise ResourceExhausted("the server cannot keep up with the speaker")
        data = await self._next()
        if data is None:
            self._told_end = True
            return EndInput(self._samples)
        self._samples += len(data) // _SAMPLE_BYTES
        return AudioInput(data)

    async def send(self, event: SessionEvent) -> None:
        """Implements ``EventSink.send``. Who has 30 s still to hear misses what comes then."""
        if not isinstance(event, SpeechChunk):
            return
        self.bytes_out += len(event.data)
        for each in self.listeners[event.language].values():
            if not each.speech.is_full:
                each.speech.append(event.data)

    def status_of(self, error: BaseException | None) -> str:
        """Implements ``EventSink.status_of``."""
        return str(close_code_of(error))

    async def _next(self) -> bytes | None:
        """The next audio; None when the speaker has left.

        Raises:
            StreamTimeout: the speaker has not connected in time.
        """
        waited_s = self._context.options.connect_timeout_s
        try:
            async with asyncio.timeout(None if self._samples else waited_s):
                return await self._heard.get()
        except TimeoutError:
            raise StreamTimeout(f"no audio came within {waited_s:g} s") from None

    def _stop_hearing(self) -> None:
        """A microphone stays on while its speaker leaves: what comes from now on is not heard."""
        if not self._over:
            self._over = True
            self._heard.put_nowait(None)

    def everybody(self) -> list[Listener]:
        """Those who listen, in any language."""
        return [each for named in self.listeners.values() for each in named.values()]

    def _listen(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._listening = asyncio.ensure_future(self._hear(track))

    def _end_listening(self) -> None:
        """Ends what waits for the track, which does not end with its connection if nothing was received."""
        if self._listening is not None:
            self._listening.cancel()

    async def _hear(self, track: MediaStreamTrack) -> None:
        async with contextlib.aclosing(heard_audio(track)) as parts:
            async for pcm in parts:
                for start in range(0, len(pcm), _PART_BYTES):
                    if self._over:
                        return
                    if self._heard.qsize() == _MAX_WAITING:
                        self._overrun = True
                        return
                    self._heard.put_nowait(pcm[start : start + _PART_BYTES])
        self.hang_up()
