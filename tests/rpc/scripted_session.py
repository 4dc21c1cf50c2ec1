"""A service whose sessions do what a test tells them; everything above them is real."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable

from translate_svc.audio.codecs.table import chunk_decoder
from translate_svc.errors import DataLoss, InvalidArgument, OutOfRange
from translate_svc.languages import LanguageTable, packaged
from translate_svc.types import (
    AckInput,
    AudioInput,
    Caller,
    CallOutcome,
    ClientMessage,
    Closed,
    EndInput,
    EndReason,
    FinalizeInput,
    GoAway,
    ModelInfo,
    Opened,
    SampleRange,
    ServerInfo,
    ServerLimits,
    SessionEvent,
    SilenceInput,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamConfig,
    TextDelta,
    TranslateRequest,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)


class ScriptedSession:
    """Counts what it is sent; every ``finalize`` makes one utterance of it; ``end`` closes.

    Attributes:
        gate: ``receive`` waits until it is set (it is).
        received: the messages in order.
        cancelled: set by ``cancel``.
        end: the first argument of ``cancel``.
    """

    MAX_CHUNK_BYTES = 128 * 1024

    def __init__(self, config: StreamConfig) -> None:
        self.config = config
        self._decoder = chunk_decoder(config.input)
        self.gate = asyncio.Event()
        self.gate.set()
        self.received: list[ClientMessage] = []
        self.half_closed = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.end: CallOutcome | None = None
        self.samples = 0
        self._utterances = 0
        self.said = 0
        self._cut_at = 0
        self.line: asyncio.Queue[SessionEvent | Exception | None] = asyncio.Queue()
        self.say(Opened("scripted", config))

    def say(self, event: SessionEvent | Exception | None) -> None:
        """Sends an event, fails with an exception, or just ends (None), after all earlier steps."""
        self.said += 1
        self.line.put_nowait(event)

    async def receive(self, message: ClientMessage) -> None:
        await self.gate.wait()
        if any(isinstance(former, EndInput) for former in self.received):
            raise InvalidArgument("came after the end", field="end")
        self.received.append(message)
        match message:
            case AckInput(seq):
                if seq > self.said:
                    raise InvalidArgument("was not sent yet", field="ack.seq")
            case AudioInput(data):
                if len(data) > self.MAX_CHUNK_BYTES:
                    raise OutOfRange("is too large", field="audio.data")
                self.samples += len(self._decoder.decode(data, field="audio.data"))
            case SilenceInput(samples):
                self.samples += samples
            case FinalizeInput():
                self._utter()
            case EndInput(total_samples):
                if total_samples and total_samples != self.samples:
                    raise DataLoss(f"{self.samples} samples arrived", field="end.total_samples")
                self.say_closed(complete=True)

    async def half_close(self, *, cut_off: bool = False) -> None:
        if any(isinstance(former, EndInput) for former in self.received):
            return
        self.half_closed.set()
        self.say_closed(complete=False)

    async def events(self) -> AsyncIterator[SessionEvent]:
        while True:
            event = await self.line.get()
            if isinstance(event, Exception):
                raise event
            if event is None:
                return
            yield event
            if isinstance(event, Closed):
                return

    def go_away(self, deadline_ms: int) -> None:
        self.say(GoAway(deadline_ms))

    async def cancel(self, end: CallOutcome | None = None) -> None:
        self.end = self.end or end
        self.cancelled.set()

    def say_closed(self, *, complete: bool) -> None:
        self.say(Closed(complete, Usage(utterances=self._utterances)))

    def _utter(self) -> None:
        number, source = self._utterances, SampleRange(self._cut_at, self.samples)
        self._utterances, self._cut_at = number + 1, self.samples
        self.say(SpeechStarted(number, source.start))
        self.say(SpeechEnded(number, source, EndReason.FINALIZE))
        for target in self.config.settings.targets:
            for index, word in enumerate(("uno", " dos")):
                self.say(TextDelta(number, source, target.language, word, index == 1, transcript=False))
            self.say(SpeechChunk(number, source, target.language, 0, b"\x01\x02" * 320, final=True))
        self.say(UtteranceDone(number, source, UtteranceStatus.OK, Usage(utterances=1)))


class ScriptedCall:
    """Answers one call with two words and a chunk of speech a target, and ``UtteranceDone``.

    Attributes:
        script: what it says; exceptions are raised.
        stop_before: waits before this index of the script until ``gate`` is set.
        cancelled: set by ``cancel``.
        end: the first argument of ``cancel``.
    """

    def __init__(self, request: TranslateRequest) -> None:
        self.request = request
        self.gate = asyncio.Event()
        self.stop_before: int | None = None
        self.cancelled = asyncio.Event()
        self.end: CallOutcome | None = None
        self.script: list[SessionEvent | Exception] = []
        source = SampleRange(0, 0)
        for target in request.targets:
            for index, word in enumerate(("uno", " dos")):
                self.script.append(TextDelta(0, source, target.language, word, index == 1, transcript=False))
            chunk = SpeechChunk(0, source, target.language, 0, b"\x01\x02" * 320, True, sample_count=320)
            self.script.append(chunk)
        self.script.append(UtteranceDone(0, source, UtteranceStatus.OK, Usage(utterances=1)))

    async def events(self) -> AsyncIterator[SessionEvent]:
        for index, event in enumerate(self.script):
            if index == self.stop_before:
                await self.gate.wait()
            if isinstance(event, Exception):
                raise event
            yield event

    async def cancel(self, end: CallOutcome | None = None) -> None:
        self.end = self.end or end
        self.cancelled.set()


class ScriptedService:
    """Opens scripted sessions and answers, or refuses with ``refusal``.

    ``on_call`` is shown every answer before it begins.
    """

    def __init__(self) -> None:
        self.sessions: list[ScriptedSession] = []
        self.calls: list[ScriptedCall] = []
        self.on_call: Callable[[ScriptedCall], None] = lambda call: None
        self.refusal: Exception | None = None
        self.early_refusal: Exception | None = None
        self.rejections: list[BaseException] = []
        self.finish_s = 0.0
        self._opened = asyncio.Condition()

    async def open_session(
        self, config: StreamConfig, caller: Caller, audio_patience_s: float = 0.0
    ) -> ScriptedSession:
        if self.refusal is not None:
            raise copy.copy(self.refusal)  # as the service does: calls share no exception
        self.sessions.append(ScriptedSession(config))
        return self.sessions[-1]

    async def translate(self, request: TranslateRequest, caller: Caller) -> ScriptedCall:
        if self.refusal is not None:
            raise copy.copy(self.refusal)  # as the service does: calls share no exception
        call = ScriptedCall(request)
        self.on_call(call)
        self.calls.append(call)
        return call

    async def check_admission(self, caller: Caller) -> None:
        if isinstance(self.early_refusal, Exception):
            raise self.early_refusal

    def record_rejected(self, error: BaseException) -> None:
        self.rejections.append(error)

    def languages(self) -> LanguageTable:
        return LanguageTable(language for language in packaged() if language.code in ("spa", "eng"))

    @property
    def calibrated(self) -> bool:
        return False

    def info(self) -> ServerInfo:
        return ServerInfo("1.2.3", ModelInfo("scripted", "r1", "Apache-2.0"), ServerLimits(max_streams=4))
