"""One recognition: the messages of a client of Vosk's server, and the answers to them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.gateway.failures import close_code_of
from translate_svc.gateway.files.responses import words_of
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.web_socket import WebSocket
from translate_svc.serving.done_in_order import DoneInOrder
from translate_svc.serving.failed_utterance import failure_at
from translate_svc.serving.text_track import TextTrack
from translate_svc.subtitles.segments import Segment, Segments, text_confidence
from translate_svc.types import (
    AudioInput,
    ClientMessage,
    Closed,
    EndInput,
    FinalizeInput,
    Progress,
    SessionEvent,
    SpeechStarted,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

_PART_BYTES = 32 * 1024
"""Audio given to a session in one piece, so that no other session waits."""
_SAMPLE_BYTES = 2


class Control:
    """A text message: the configuration, the end, or the end of what was said so far."""

    def __init__(self, text: str) -> None:
        """Raises InvalidArgument, Unsupported: it is neither, or asks for what is not served."""
        try:
            values = JsonObject(json.loads(text), "")
        except (ValueError, RecursionError):
            raise InvalidArgument("the message is not JSON") from None
        self.ends = bool(values.whole("eof", 0))
        config = values.object("config")
        self.resets = bool(values.whole("reset", 0))
        if config is None and not self.ends and not self.resets:
            raise InvalidArgument("must be config or eof, or reset")
        config = config or JsonObject({}, "config")
        self.rate_hz = round(config.number("sample_rate", 0) or 0)
        self.words: bool | None = None
        if "words" in config:
            self.words = bool(config.values["words"])  # 1 and true alike, as Vosk takes it
        if config.number("max_alternatives", 0):
            raise Unsupported("must be 0: there is one text", field="config.max_alternatives")
        if config.texts("phrase_list"):
            raise Unsupported("cannot limit what is understood", field="config.phrase_list")


@dataclass(frozen=True, slots=True)
class _Finished:
    """The text of an utterance that has ended, and how sure the model is of it."""

    segment: Segment
    confidence: float


class Recognition:
    """The ``MessageSource`` and the ``EventSink`` of one client.

    As Vosk's server does, it answers each message of audio once: with an utterance that has ended, or with
    what is known of the one that goes on; and a reset, which ends what is being said, or the end with all
    that is left. What comes after a reset is read when it has its answer.
    """

    def __init__(self, socket: WebSocket, first: bytes | None, rate_hz: int, *, words: bool) -> None:
        """``first``: the message of audio that came already; None: the end did."""
        self._socket = socket
        self._rate_hz = rate_hz
        self._words = words
        self._parts: deque[bytes] = deque()
        self._unanswered = False
        self._ended = first is None
        self._told_end = False
        self._samples = self._committed = 0
        self._resets = False
        self._reset_answered = asyncio.Event()
        self._reset_answered.set()
        self._open = Segments(rate_hz)
        self._ends = DoneInOrder()
        self._finished: deque[_Finished] = deque()
        if first is not None:
            self._take(first)

    async def receive(self) -> ClientMessage | None:
        """Implements ``MessageSource.receive``."""
        while not self._parts:
            if self._unanswered:
                self._unanswered = False
                await self._socket.send_message(json.dumps(self._answer()))
            if self._ended:
                ended, self._told_end = self._told_end, True
                return None if ended else EndInput(self._samples)
            await self._reset_answered.wait()
            message = await self._socket.receive_message()
            if message is None:
                return None
            if isinstance(message, bytes):
                self._take(message)
                continue
            control = Control(message)
            if control.rate_hz not in (0, self._rate_hz):
                raise InvalidArgument("cannot change once audio has come", field="config.sample_rate")
            self._words = self._words if control.words is None else control.words
            self._ended = control.ends
            if control.resets and not control.ends:
                self._resets = True
                self._reset_answered.clear()
                await self._answer_reset()
                return FinalizeInput()
        part = self._parts.popleft()
        self._samples += len(part) // _SAMPLE_BYTES
        return AudioInput(part)

    @property
    def bytes_out(self) -> int:
        """Implements ``EventSink.bytes_out``."""
        return self._socket.bytes_out

    async def send(self, event: SessionEvent) -> None:
        """Implements ``EventSink.send``.

        Raises:
            TranslationFailed: an utterance could not be translated. The protocol has no message for a hole.
        """
        match event:
            case SpeechStarted():
                self._open.begin(event)
                self._ends.begin(event)
            case TextDelta():
                self._open.append(event)
            case UtteranceDone():
                for done in self._ends.end(event):
                    if done.status is UtteranceStatus.FAILED:
                        raise failure_at(done, self._rate_hz)
                    self._finish(done)
            case Progress():
                self._committed = event.committed_samples
                await self._answer_reset()
            case Closed() if event.complete:
                await self._send_all_left()

    def status_of(self, error: BaseException | None) -> str:
        """The close code that the client gets."""
        return str(close_code_of(error))

    async def _answer_reset(self) -> None:
        """Answers a reset if all is done that came before it."""
        if self._resets and self._committed >= self._samples:
            self._resets = False
            await self._send_all_left()
            self._reset_answered.set()

    async def tell_finished(self) -> None:
        """Tells what has ended and still waits for its turn: an error closes the connection."""
        if self._finished:
            await self._socket.send_last(self._all_left())

    async def _send_all_left(self) -> None:
        await self._socket.send_message(self._all_left())

    def _all_left(self) -> str:
        result = result_of(self._finished, words=self._words)
        self._finished.clear()
        return json.dumps(result)

    def _take(self, data: bytes) -> None:
        self._parts += [data[start : start + _PART_BYTES] for start in range(0, len(data), _PART_BYTES)]
        self._unanswered = True

    def _finish(self, done: UtteranceDone) -> None:
        segment = self._open.end(done.utterance_id)
        if segment is not None and segment.text:
            self._finished.append(_Finished(segment, text_confidence(segment, done)))

    def _answer(self) -> dict[str, Any]:
        if self._finished:
            return result_of([self._finished.popleft()], words=self._words)
        return {"partial": self._open.first_text.strip()}


def result_of(finished: Collection[_Finished], *, words: bool) -> dict[str, Any]:
    """The message that tells what was said in ``finished``, in their order. ``words``: word by word, too."""
    track = TextTrack(())
    text = "".join(track.append(number, each.segment.text) for number, each in enumerate(finished)).strip()
    if not words:
        return {"text": text}
    listed = [
        word | {"conf": round(each.confidence, 4)} for each in finished for word in words_of(each.segment)
    ]
    return {"result": listed, "text": text}
