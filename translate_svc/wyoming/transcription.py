"""Speech to text: audio of a client, and the transcript that it gets."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from translate_svc.errors import InvalidArgument, TranslationFailed, Unsupported
from translate_svc.languages import LanguageTable
from translate_svc.serving.text_track import TextTrack
from translate_svc.types import (
    DEFAULT_ENCODING,
    AudioFormat,
    AudioInput,
    ClearInput,
    ClientMessage,
    Closed,
    EndInput,
    Opened,
    SessionEvent,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)
from translate_svc.wyoming.wyoming_event import EventStream, WyomingEvent, status_of

START, CHUNK, STOP = "audio-start", "audio-chunk", "audio-stop"

_PART_BYTES = 32 * 1024
"""Audio given to a session in one piece, so that no other session waits."""
_SAMPLE_BYTES = 2


def format_of(event: WyomingEvent) -> AudioFormat:
    """The format of an event with audio, which must be that of its stream.

    Raises:
        InvalidArgument: it names none.
        Unsupported: it is not 16-bit PCM of one channel.
    """
    values = [event.data.get(name) for name in ("rate", "width", "channels")]
    for name, value in zip(("rate", "width", "channels"), values, strict=True):
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidArgument("must be a whole number", field=name)
    for name, value, only in (("width", values[1], _SAMPLE_BYTES), ("channels", values[2], 1)):
        if value != only:
            raise Unsupported(f"must be {only}", field=name)
    return AudioFormat(DEFAULT_ENCODING, int(values[0] or 0))


class Transcription:
    """The ``MessageSource`` and the ``EventSink`` of one transcription."""

    def __init__(
        self,
        events: EventStream,
        first: WyomingEvent,
        languages: LanguageTable,
        aside: Callable[[WyomingEvent], Awaitable[None]],
    ) -> None:
        """``first``: the event that began the audio. ``aside``: answers what comes beside audio."""
        self._events = events
        self._languages = languages
        self._aside = aside
        self._format = format_of(first)
        self._waiting: deque[ClientMessage] = deque()
        self._samples = 0
        self._over = False
        self._track: TextTrack | None = None
        self._text = ""
        self._language = ""
        self._sent_before = events.bytes_out
        self.left = False
        """Whether the client has closed the connection."""
        self._hear(first)

    async def receive(self) -> ClientMessage | None:
        """Implements ``MessageSource.receive``."""
        while not self._waiting:
            if self._over:
                return None
            event = await self._events.receive()
            if event is None:
                self._over = self.left = True
                self._waiting += (ClearInput(), EndInput(self._samples))
            elif event.type == CHUNK:
                if format_of(event) != self._format:
                    raise InvalidArgument("must be as that of the chunk before", field="rate")
                self._hear(event)
            elif event.type == STOP:
                self._over = True
                self._waiting.append(EndInput(self._samples))
            else:
                await self._aside(event)
        return self._waiting.popleft()

    @property
    def bytes_out(self) -> int:
        """Implements ``EventSink.bytes_out``."""
        return self._events.bytes_out - self._sent_before

    async def send(self, event: SessionEvent) -> None:
        """Implements ``EventSink.send``.

        Raises:
            TranslationFailed: a part could not be understood.
        """
        match event:
            case Opened():
                await self._send("transcript-start")
            case TextDelta() if event.delta:
                await self._send("transcript-chunk", text=self._appended(event))
            case UtteranceDone(status=UtteranceStatus.FAILED):
                raise TranslationFailed("could not be transcribed", field="audio")
            case Closed() if event.complete:
                said = {"language": self._language} if self._language else {}
                await self._send("transcript", text=self._text.strip(), **said)
                await self._send("transcript-stop")

    def status_of(self, error: BaseException | None) -> str:
        """Implements ``EventSink.status_of``."""
        return status_of(error)

    async def _send(self, kind: str, **data: str) -> None:
        if not self.left:
            await self._events.send(WyomingEvent(kind, dict(data)))

    def _hear(self, event: WyomingEvent) -> None:
        data = event.payload
        self._samples += len(data) // _SAMPLE_BYTES
        self._waiting += [
            AudioInput(data[start : start + _PART_BYTES]) for start in range(0, len(data), _PART_BYTES)
        ]

    def _appended(self, event: TextDelta) -> str:
        language = self._languages.find(event.language)
        if self._track is None:
            self._track = TextTrack(() if language is None else language.scripts)
        text = self._track.append(event.utterance_id, event.delta)
        self._text += text
        self._language = event.language if language is None else language.bcp47
        return text
