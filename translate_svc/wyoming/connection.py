"""One connection of a client of Wyoming: requests, one after another, and their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from translate_svc.access.callers import Identified
from translate_svc.errors import InvalidArgument, StreamTimeout, TranslateSvcError, Unsupported
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.live_calls import LiveCalls
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import TranslationService
from translate_svc.serving.source_language import source_or_auto
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import (
    Inspect,
    Scope,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TranslateRequest,
    UtteranceDone,
)
from translate_svc.wyoming.programs import Programs
from translate_svc.wyoming.text_answer import OUTPUT, TextAnswer
from translate_svc.wyoming.transcription import CHUNK, START, Transcription, format_of
from translate_svc.wyoming.wyoming_event import EventStream, WyomingEvent

_FIELDS = {
    "config.input.sample_rate_hz": "rate",
    "config.settings.source_language": "language",
    "source_language": "voice.name",
    "targets[0].language": "voice.name",
    "targets[0].speech": "voice.name",
    "targets[0].speaker_id": "voice.speaker",
    "audio.data": "payload",
}
"""The protocol's names for fields of our contract."""


class WyomingConnection:
    """Answers the requests of one client. Other events are dropped, as the protocol wants it."""

    def __init__(
        self,
        service: TranslationService,
        calls: LiveCalls,
        options: CallOptions,
        programs: Programs,
        identify: Callable[[Scope], Identified],
        events: EventStream,
    ) -> None:
        """``identify``: who makes a call of a kind."""
        self._service = service
        self._calls = calls
        self._options = options
        self._programs = programs
        self._identify = identify
        self._events = events
        self._program = ""
        self._wanted = WyomingEvent("transcribe")

    async def run(self) -> None:
        """Returns when the client has left, or has sent nothing for long.

        Raises:
            TranslateSvcError: a request is wrong, or cannot be served.
        """
        while (event := await self._next()) is not None:
            try:
                if not await self._answer(event):
                    return
            except TranslateSvcError as error:
                error.field = _FIELDS.get(error.field, error.field)
                raise

    async def _next(self) -> WyomingEvent | None:
        """The client's next event; None: it has left, or has sent nothing for long."""
        try:
            async with asyncio.timeout(self._options.config_timeout_s):
                return await self._events.receive()
        except TimeoutError:
            return None

    async def _answer(self, event: WyomingEvent) -> bool:
        """Whether the client is still there."""
        match event.type:
            case "select-program":
                self._program = event.text("name")
                self._programs.target_of(self._program)
            case "transcribe":
                self._wanted = event
            case _ if event.type in (START, CHUNK):
                return await self._transcribe(event)
            case "synthesize":
                await self._synthesize(event)
            case "transcript":
                await self._translate(event)
            case _:
                await self._answer_aside(event)
        return True

    async def _answer_aside(self, event: WyomingEvent) -> None:
        """Answers what may come at any time, also between the audio of a transcription."""
        match event.type:
            case "describe":
                await self._tell(self._programs.info)
            case "ping":
                await self._tell(WyomingEvent("pong", {"text": event.data.get("text")}).encoded)

    async def _tell(self, encoded: bytes) -> None:
        """Sends an event that no driver of a call sends, which would wait no longer either."""
        waited_s = self._options.write_timeout_s
        try:
            async with asyncio.timeout(waited_s):
                await self._events.send_encoded(encoded)
        except TimeoutError:
            raise StreamTimeout(f"nothing could be written for {waited_s:g} s: keep reading") from None

    async def _transcribe(self, first: WyomingEvent) -> bool:
        wanted, self._wanted = self._wanted, WyomingEvent("transcribe")
        target = self._programs.target_of(wanted.text("name"), self._program)
        settings = StreamSettings(
            () if target is None else (TargetSettings(target.code, speech=False),),
            source_or_auto(wanted.text("language"), self._programs.languages),
            frozenset({Inspect.TRANSCRIPT} if target is None else ()),
        )
        audio = format_of(first)
        with self._calls.admission():
            self._calls.check_open()
            who = self._identify(Scope.STREAM)
            session = await self._service.open_session(StreamConfig(audio, audio, settings), who.caller)
        transcription = Transcription(self._events, first, self._programs.languages, self._answer_aside)
        driver = StreamDriver(transcription, transcription, session, self._options)
        await self._calls.run(driver, who.may_stay)
        return not transcription.left

    async def _synthesize(self, event: WyomingEvent) -> None:
        if event.text("text_format") not in ("", "text"):
            raise Unsupported("must be text", field="text_format")
        voice = self._programs.voice_of(event.object("voice"))
        target = TargetSettings(voice.target.code, text=False, speaker_id=voice.speaker_id)
        await self._run(event, voice.source.code, target)
        await self._tell(WyomingEvent("audio-stop").encoded)

    async def _translate(self, event: WyomingEvent) -> None:
        """A text that somebody has said, in place of a command that is to be handled."""
        target = self._programs.target_of(self._program)
        if target is None:
            message = "must be one that translates: select-program, or --wyoming-target"
            raise InvalidArgument(message, field="program")
        source = self._programs.languages.resolve(event.text("language"), "language")
        text = event.text("text")
        if source is not target:
            text = await self._run(event, source.code, TargetSettings(target.code, speech=False))
        answered = {"text": text, "context": event.data.get("context")}
        handled = WyomingEvent("handled", {k: v for k, v in answered.items() if v is not None})
        await self._tell(handled.encoded)

    async def _run(self, event: WyomingEvent, source: str, target: TargetSettings) -> str:
        request = TranslateRequest(event.text("text"), (target,), OUTPUT, source)
        with self._calls.admission():
            self._calls.check_open()
            who = self._identify(Scope.TRANSLATE)
            handler = await self._service.translate(request, who.caller)
        answer = TextAnswer(self._events)
        await self._calls.run(CallDriver(answer, handler, self._options, last=UtteranceDone), who.may_stay)
        return answer.text
