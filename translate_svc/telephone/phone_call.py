"""A call: the connection to a provider on one side, one session of the service on the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from translate_svc.access.callers import Identified
from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.serving.interruptions import Interruptions
from translate_svc.serving.live_calls import LiveCalls
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import TranslationService
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.telephone.call_events import (
    CallAudio,
    CallEvent,
    CallSocket,
    CallStarted,
    HungUp,
    KeyPressed,
    MarkHeard,
    PlaybackHeld,
)
from translate_svc.telephone.call_settings import CallSettings
from translate_svc.telephone.playback import Playback
from translate_svc.types import (
    AudioInput,
    ClearInput,
    ClientMessage,
    EndInput,
    FinalizeInput,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamConfig,
    StreamSettings,
    UpdateInput,
)

_SILENT_S = 1.0
"""A line that brings no audio for so long is silent: its caller is muted or on hold, or pauses and the
telephone does not send silence.
"""


class PhoneCall:
    """Interprets one call."""

    def __init__(
        self, service: TranslationService, calls: LiveCalls, options: CallOptions, socket: CallSocket
    ) -> None:
        self._service = service
        self._calls = calls
        self._options = options
        self._socket = socket

    async def started(self) -> CallStarted | None:
        """The event that begins the call; None: the caller has hung up.

        Raises:
            InvalidArgument: something else came first.
        """
        event = await self._socket.receive()
        if isinstance(event, HungUp):
            return None
        if not isinstance(event, CallStarted):
            raise InvalidArgument("the call has not started", field="event")
        return event

    async def chosen(self, settings: CallSettings, keys: Mapping[str, CallSettings]) -> CallSettings | None:
        """``settings``, or those of the first key that the caller presses if they lack the languages. What
        is said until then is not heard. None: the caller has hung up.
        """
        while not settings.complete:
            event = await self._socket.receive()
            if isinstance(event, HungUp):
                return None
            if isinstance(event, KeyPressed):
                settings = keys.get(event.key, settings)
        return settings

    async def run(
        self, started: CallStarted, settings: CallSettings, keys: Mapping[str, CallSettings], who: Identified
    ) -> None:
        """Runs the call to its end. ``keys``: the settings that a key changes to.

        Raises:
            TranslateSvcError: the connection must be closed with this error. Names the field as whoever set
                up the call knows it.
            asyncio.CancelledError: the provider has left.
        """
        service, languages = self._service, self._service.languages()

        def stream_settings(wanted: CallSettings) -> StreamSettings:
            return wanted.stream_settings(languages, calibrated=service.calibrated)

        with self._calls.admission():
            self._calls.check_open()
            config = StreamConfig(started.audio, started.audio, stream_settings(settings))
            with _renamed(self._socket, lambda: settings):
                session = await service.open_session(config, who.caller)
        playback = Playback(self._socket, started.audio)
        updates = {key: UpdateInput(stream_settings(each)) for key, each in keys.items()}
        output = PhoneOutput(self._socket, playback, barge_in=settings.barge_in)
        source = PhoneInput(self._socket, output, playback, updates)
        driver = StreamDriver(source, output, session, self._options, heard=playback.played)
        playing = asyncio.create_task(playback.run())
        try:
            with _renamed(self._socket, lambda: keys.get(source.key, settings)):
                await self._calls.run(driver, who.may_stay)
        finally:
            playing.cancel()
            await asyncio.gather(playing, source.close(), return_exceptions=True)


@contextmanager
def _renamed(socket: CallSocket, settings: Callable[[], CallSettings]) -> Iterator[None]:
    """Errors that name a field of the contract name what whoever set up the call knows: the place of a
    setting, or the provider's field. ``settings``: those that the error is about.
    """
    try:
        yield
    except (InvalidArgument, Unsupported) as error:
        path = error.field.removeprefix("config.settings.").removeprefix("update.settings.")
        field = socket.audio_field if path == "audio.data" else settings().place(path)
        raise type(error)(error.description, field=field) from None


class PhoneInput:
    """The ``MessageSource`` of a call. When the caller hangs up, what nobody will hear is dropped.

    A line that brings nothing any more ends what was being said: no silence would come to end it.
    """

    def __init__(
        self,
        socket: CallSocket,
        output: PhoneOutput,
        playback: Playback,
        updates: Mapping[str, ClientMessage],
    ) -> None:
        """``updates``: by the key that asks for them."""
        self._socket = socket
        self._output = output
        self._playback = playback
        self._updates = updates
        self._waiting: deque[ClientMessage] = deque()
        self._samples = 0
        self._is_heard = False
        self._over = False
        self._event: asyncio.Task[CallEvent] | None = None  # a wait for it that is cut short may lose it
        self.key = ""
        """The last one that has changed the settings."""

    async def receive(self) -> ClientMessage | None:
        """Implements ``MessageSource.receive``."""
        while not self._waiting:
            if self._over:
                return None
            if (event := await self._next_event()) is None:
                self._is_heard = False
                return FinalizeInput()
            self._take(event)
        return self._waiting.popleft()

    async def close(self) -> None:
        """Ends what waits for the provider."""
        if self._event is not None:
            self._event.cancel()
            await asyncio.gather(self._event, return_exceptions=True)

    async def _next_event(self) -> CallEvent | None:
        """The provider's next event; None: the line, which brought audio, has fallen silent."""
        if self._event is None:
            self._event = asyncio.create_task(self._socket.receive())
        done, _ = await asyncio.wait({self._event}, timeout=_SILENT_S if self._is_heard else None)
        if not done:
            return None
        event, self._event = self._event, None
        return event.result()

    def _take(self, event: CallEvent) -> None:
        match event:
            case CallAudio(data):
                self._is_heard = True
                self._samples += len(data) * self._playback.frame_samples // self._playback.frame_bytes
                self._output.received(self._samples)
                self._waiting.append(AudioInput(data))
            case KeyPressed(key) if key in self._updates:
                self.key = key
                self._waiting.append(self._updates[key])
            case MarkHeard(name):
                self._playback.heard(name)
            case PlaybackHeld(held):
                self._playback.hold(held)
            case HungUp():
                self._over = True
                self._playback.end()
                self._waiting += (ClearInput(), EndInput(self._samples))
            case CallStarted():
                raise InvalidArgument("the call has started before", field="event")


class PhoneOutput:
    """The ``EventSink`` of a call: its speech."""

    def __init__(self, socket: CallSocket, playback: Playback, *, barge_in: bool) -> None:
        self._socket = socket
        self._playback = playback
        self._barge_in = barge_in
        self._interruptions = Interruptions(lambda: playback.unheard, playback.rate_hz)

    @property
    def bytes_out(self) -> int:
        """Implements ``EventSink.bytes_out``."""
        return self._socket.bytes_out

    def received(self, position: int) -> None:
        """The caller's audio before ``position`` has come."""
        self._interruptions.received(position)

    async def send(self, event: SessionEvent) -> None:
        """Plays speech. With barge-in, who begins to speak silences the utterances before."""
        match event:
            case SpeechChunk() if self._interruptions.passes(event):
                await self._playback.say(event.data, final=event.final)
            case SpeechEnded():
                self._interruptions.end(event)
            case SpeechStarted() if self._barge_in:
                if self._interruptions.begin(event):
                    await self._playback.interrupt()

    def status_of(self, error: BaseException | None) -> str:
        """Implements ``EventSink.status_of``."""
        return self._socket.status_of(error)
