"""Turns the events of a session into what a client gets."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Callable, Iterator

from translate_svc.gateway.gemini.close_codes import live_close_code
from translate_svc.gateway.gemini.live_message import send_live
from translate_svc.gateway.gemini.live_setup import LiveSetup
from translate_svc.gateway.gemini.session_handle import SessionHandle
from translate_svc.gateway.web_socket import WebSocket, WireEvent
from translate_svc.languages import LanguageTable
from translate_svc.serving.failed_utterance import failure_at
from translate_svc.serving.interruptions import Interruptions
from translate_svc.serving.text_track import TextTrack
from translate_svc.types import (
    DEFAULT_ENCODING,
    INTERNAL_SAMPLE_RATE_HZ,
    AudioFormat,
    GoAway,
    Opened,
    Progress,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

INPUT = AudioFormat(DEFAULT_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
"""The audio that a session gets. The protocol advises its rate; other rates are resampled."""
OUTPUT = AudioFormat(DEFAULT_ENCODING, 24_000)
"""The audio that a session sends."""

_MIME_TYPE = f"audio/pcm;rate={OUTPUT.sample_rate_hz}"
_TOKEN_MS = 40
"""Google counts 25 tokens for a second of audio."""


class LiveOutput:
    """The ``EventSink`` of a session.

    As with Google's live translation a turn goes on as long as the client sends: ``turnComplete`` comes only
    when all is translated that was sent before the client said that it stops.
    """

    def __init__(
        self,
        socket: WebSocket,
        setup: LiveSetup,
        languages: LanguageTable,
        position: int,
        finish_s: Callable[[float], float],
    ) -> None:
        """``position``: of the first sample that comes. ``finish_s``: as ``CallOptions.finish_s``."""
        self._socket = socket
        self._setup = setup
        self._languages = languages
        self._committed = position
        self._finish_s = finish_s
        self._turn_ends: deque[int] = deque()
        self._tracks: dict[bool, TextTrack] = {}  # by whether it is the transcript
        self._clock = asyncio.get_running_loop().time
        self._plays_until_s = 0.0
        self._interruptions = Interruptions(lambda: self._clock() < self._plays_until_s, INPUT.sample_rate_hz)
        self._opened = False
        self._left = False

    @property
    def bytes_out(self) -> int:
        """Implements ``EventSink.bytes_out``."""
        return self._socket.bytes_out

    async def send(self, event: SessionEvent) -> None:
        """Implements ``EventSink.send``.

        Raises:
            TranslationFailed: an utterance could not be translated. The protocol has no message for a hole.
        """
        for message in self._messages(event):
            await self._send(message)

    def status_of(self, error: BaseException | None) -> str:
        """The close code that the client gets."""
        return str(live_close_code(error))

    async def end_turn(self, position: int) -> None:
        """The client stops at ``position``. It is told, once, when all before that is translated, and not
        before ``setupComplete``.
        """
        if self._opened and self._committed >= position:
            await self._send(_content(turnComplete=True))
        elif position not in self._turn_ends:
            self._turn_ends.append(position)

    def received(self, position: int) -> None:
        """The client's audio before ``position`` has come."""
        self._interruptions.received(position)

    def leave(self) -> None:
        """The client has closed the connection: it gets nothing more."""
        self._left = True

    async def _send(self, message: WireEvent) -> None:
        if not self._left:
            await send_live(self._socket, message)

    def _messages(self, event: SessionEvent) -> Iterator[WireEvent]:
        match event:
            case Opened():
                yield {"setupComplete": {"sessionId": event.session_id}}
                yield from self._handle(event.resume_token)
                self._opened = True
                yield from self._ended_turns()
            case TextDelta():
                yield from self._text(event)
            case SpeechChunk() if self._interruptions.passes(event) and event.sample_count:
                now_s, duration_s = self._clock(), event.sample_count / OUTPUT.sample_rate_hz
                self._plays_until_s = max(now_s, self._plays_until_s) + duration_s
                data = base64.b64encode(event.data).decode()
                yield _turn({"inlineData": {"mimeType": _MIME_TYPE, "data": data}})
            case SpeechEnded():
                self._interruptions.end(event)
            case SpeechStarted() if self._setup.interrupts:
                if self._interruptions.begin(event):
                    self._plays_until_s = 0.0
                    yield _content(interrupted=True)
            case UtteranceDone(status=UtteranceStatus.FAILED):
                raise failure_at(event, INPUT.sample_rate_hz)
            case UtteranceDone():
                yield {"usageMetadata": _usage(event.usage)}
            case Progress():
                self._committed = event.committed_samples
                yield from self._handle(event.resume_token)
                yield from self._ended_turns()
            case GoAway():
                # clients move when it has passed: it is for how long they are heard
                grace_s = event.deadline_ms / 1000
                yield {"goAway": {"timeLeft": f"{grace_s - self._finish_s(grace_s):g}s"}}

    def _handle(self, token: bytes) -> Iterator[WireEvent]:
        if self._setup.resumable and token:
            handle = SessionHandle(token, self._committed)
            yield {"sessionResumptionUpdate": {"newHandle": handle.text, "resumable": True}}

    def _ended_turns(self) -> Iterator[WireEvent]:
        while self._turn_ends and self._turn_ends[0] <= self._committed:
            self._turn_ends.popleft()
            yield _content(turnComplete=True)

    def _text(self, event: TextDelta) -> Iterator[WireEvent]:
        language = self._languages.find(event.language)
        if (track := self._tracks.get(event.transcript)) is None:
            scripts = () if language is None else language.scripts
            track = self._tracks[event.transcript] = TextTrack(scripts)
        text = track.append(event.utterance_id, event.delta)
        transcription: WireEvent = {"text": text}
        if language is not None:
            transcription["languageCode"] = language.bcp47
        if event.final:
            transcription["finished"] = True
        if event.transcript:
            yield _content(inputTranscription=transcription)
            return
        if self._setup.writes and text:
            yield _turn({"text": text})
        if self._setup.reads:
            yield _content(outputTranscription=transcription)


def _content(**fields: object) -> WireEvent:
    return {"serverContent": fields}


def _turn(part: WireEvent) -> WireEvent:
    return _content(modelTurn={"role": "model", "parts": [part]})


def _usage(usage: Usage) -> WireEvent:
    heard, spoken = usage.source_ms // _TOKEN_MS, usage.speech_ms // _TOKEN_MS
    return {
        "promptTokenCount": heard,
        "responseTokenCount": spoken + usage.text_tokens,
        "totalTokenCount": heard + spoken + usage.text_tokens,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": heard}],
        "responseTokensDetails": [
            {"modality": "AUDIO", "tokenCount": spoken},
            {"modality": "TEXT", "tokenCount": usage.text_tokens},
        ],
    }
