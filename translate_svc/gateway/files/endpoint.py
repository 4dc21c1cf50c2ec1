"""``POST /v1/audio/translations`` and ``POST /v1/audio/transcriptions``: one file in, its text out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from translate_svc.access.callers import Identified
from translate_svc.errors import InvalidArgument, OutOfRange, ResourceExhausted, Unsupported
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import failure_of
from translate_svc.gateway.files.responses import FORMATS, logprob, respond
from translate_svc.gateway.files.spoken_language import spoken_language
from translate_svc.gateway.files.transcript import Transcript
from translate_svc.gateway.files.upload import AudioForm, receive_form
from translate_svc.gateway.files.upload_places import UploadPlaces
from translate_svc.gateway.files.uploaded_audio import UploadedAudio
from translate_svc.gateway.peer import holder
from translate_svc.gateway.terms import parse_terms
from translate_svc.gateway.unsent import cut_off, unsent_bytes
from translate_svc.languages import Language
from translate_svc.serving.protocols import StreamSession
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import (
    AUTO,
    DEFAULT_ENCODING,
    MAX_BEAMS,
    AudioFormat,
    BeamSearchSettings,
    CallerLimits,
    Inspect,
    Scope,
    Segmentation,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TokenInfo,
)

_NOT_KNOWN = Language("und", "und", "unknown")
_OUTPUT = AudioFormat(DEFAULT_ENCODING, 16_000)
_ENGLISH = "en"
_SHARED = frozenset({"model", "prompt", "response_format", "temperature"})
_TRANSLATION_FIELDS = _SHARED | {"target_language", "source_language", "num_beams", "terms"}
_TRANSCRIPTION_FIELDS = _SHARED | {
    "language", "languages", "keywords", "num_beams", "stream", "include", "timestamp_granularities",
}  # fmt: skip

_FIELDS = {
    "config.settings.targets[0].language": "target_language",
    "config.settings.beam_search": "num_beams",
    "config.settings.beam_search.num_beams": "num_beams",
}
"""Fields of the contract that have another name in a form."""


@dataclass(frozen=True, slots=True)
class _Task:
    """The options of a request.

    Attributes:
        name: ``translate`` or ``transcribe``.
        language: of the text; None: it is found out.
        settings: of the stream.
        format: one of ``FORMATS``.
        stream: send the text while it is made.
        words: with the time of every word.
        logprobs: with every token.
    """

    name: str
    language: Language | None
    settings: StreamSettings
    format: str
    stream: bool = False
    words: bool = False
    logprobs: bool = False


class FilesEndpoint:
    """Translates and transcribes files. A file is a stream that comes as fast as it is taken."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        options = context.options
        self._places = UploadPlaces(options.max_uploads, options.max_uploads_per_caller)

    async def translate(self, request: web.Request) -> web.StreamResponse:
        """``POST /v1/audio/translations``: into English, or into ``target_language``."""
        who = await self._context.authenticator.identified(request, Scope.STREAM)
        async with self._form(request, _TRANSLATION_FIELDS, who) as form:
            tag = form.one("target_language", _ENGLISH)
            language = self._context.languages.resolve(tag, "target_language")
            settings = StreamSettings(
                (TargetSettings(language.code, speech=False),),
                form.one("source_language") or None,
                include=frozenset({Inspect.TOKENS}),
                segmentation=Segmentation.HINDSIGHT,
                beam_search=_beam_search(form),
                terms=parse_terms(form.one("terms")),
            )
            task = _Task("translate", language, settings, _format(form))
            return await self._run(request, form, task, who)

    async def transcribe(self, request: web.Request) -> web.StreamResponse:
        """``POST /v1/audio/transcriptions``."""
        who = await self._context.authenticator.identified(request, Scope.STREAM)
        async with self._form(request, _TRANSCRIPTION_FIELDS, who) as form:
            usual = self._context.options.source_language
            language, candidates = spoken_language(form, usual, self._context.languages)
            included = frozenset({Inspect.TRANSCRIPT, Inspect.TOKENS})
            settings = StreamSettings(
                (),
                AUTO if language is None else language.code,
                included,
                Segmentation.HINDSIGHT,
                beam_search=_beam_search(form),
                source_candidates=candidates,
            )
            stream = _choice(form, "stream", ("true", "false"), "false") == "true"
            task = _Task(
                "transcribe",
                language,
                settings,
                _format(form),
                stream=stream,
                words="word" in _choices(form, "timestamp_granularities", ("word", "segment")),
                logprobs="logprobs" in _choices(form, "include", ("logprobs",)),
            )
            _check_format(form, task)
            return await self._run(request, form, task, who)

    @asynccontextmanager
    async def _form(
        self, request: web.Request, known: frozenset[str], who: Identified
    ) -> AsyncIterator[AudioForm]:
        with ExitStack() as stack:
            with self._context.calls.admission():
                self._context.calls.check_open()
                stack.enter_context(self._places.place(holder(who.caller)))
            async with receive_form(request, known, self._context.options) as form:
                if form.one("prompt"):
                    raise Unsupported("this model takes no prompt", field="prompt")
                if form.one("temperature", "0").strip() not in ("0", "0.0"):
                    raise Unsupported("must be 0: the model decodes greedily", field="temperature")
                yield form

    async def _run(
        self, request: web.Request, form: AudioForm, task: _Task, who: Identified
    ) -> web.StreamResponse:
        async with UploadedAudio(form.file, self._context.options.max_file_duration_s) as audio:
            calls = self._context.calls
            with calls.admission():
                calls.check_open()
                config = StreamConfig(audio.format, _OUTPUT, task.settings)
                patience_s = self._context.options.file_patience_s
                _check_length(audio.stated_s, who.caller.limits, patience_s)
                try:
                    session = await self._context.service.open_session(config, who.caller, patience_s)
                except InvalidArgument as error:
                    name = _FIELDS.get(error.field, error.field.removeprefix("config.settings."))
                    error.field = name.replace("source_candidates", "languages")
                    raise
            if task.stream:
                return await self._stream(request, audio, session, task, who)
            transcript = Transcript(audio.format.sample_rate_hz, _scripts(task.language), _nobody_waits)
            with _never_again(who.caller.limits, patience_s):
                driver = StreamDriver(audio, transcript, session, self._context.options)
                await calls.run(driver, who.may_stay)
            return respond(
                task.format,
                transcript.segments,
                text=transcript.text,
                task=task.name,
                language=task.language or self._heard(transcript),
                duration_s=audio.duration_s,
                words=task.words,
                logprobs=transcript.tokens if task.logprobs else None,
                warnings=transcript.warnings(audio.damage),
            )

    def _heard(self, transcript: Transcript) -> Language:
        """The language of most utterances of a file in which it was found out."""
        return self._context.languages.find(transcript.language or "") or _NOT_KNOWN

    async def _stream(
        self, request: web.Request, audio: UploadedAudio, session: StreamSession, task: _Task, who: Identified
    ) -> web.StreamResponse:
        """Sends server-sent events. Once they have begun, an error is one of them."""
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store"}
        )

        async def send(event: dict[str, Any]) -> None:
            await response.write(f"data: {json.dumps(event, separators=(',', ':'))}\n\n".encode())

        async def send_delta(delta: str, tokens: tuple[TokenInfo, ...]) -> None:
            event: dict[str, Any] = {"type": "transcript.text.delta", "delta": delta}
            if task.logprobs:
                event["logprobs"] = [logprob(token) for token in tokens]
            if not response.prepared:
                await response.prepare(request)
            await send(event)

        transcript = Transcript(audio.format.sample_rate_hz, _scripts(task.language), send_delta)
        try:
            with _never_again(who.caller.limits, self._context.options.file_patience_s):
                driver = StreamDriver(audio, transcript, session, self._context.options)
                await self._context.calls.run(driver, who.may_stay)
        except Exception as error:
            if not response.prepared or isinstance(error, ConnectionError):
                raise
            if request.transport is not None and unsent_bytes(request.transport):
                cut_off(request.transport)  # the client takes nothing
                return response
            await send({"type": "error", "error": failure_of(error).to_json()})
            return response
        if not response.prepared:
            await response.prepare(request)
        done: dict[str, Any] = {"type": "transcript.text.done", "text": transcript.text}
        if warnings := transcript.warnings(audio.damage):
            done["warnings"] = warnings
        if task.logprobs:
            done["logprobs"] = [logprob(token) for token in transcript.tokens]
        await send(done)
        return response


def _check_length(duration_s: float, limits: CallerLimits, patience_s: float) -> None:
    """Raises OutOfRange for a file that its caller can never send: to try again would be in vain."""
    rate = limits.audio_s_per_minute
    if rate is not None and duration_s > limits.audio_burst_s + patience_s * rate / 60:
        raise _too_much(limits, patience_s)


@contextmanager
def _never_again(limits: CallerLimits, patience_s: float) -> Iterator[None]:
    """Makes of a refusal that may pass one that is final: the file would be sent again from its beginning."""
    try:
        yield
    except ResourceExhausted:
        raise _too_much(limits, patience_s) from None


def _too_much(limits: CallerLimits, patience_s: float) -> OutOfRange:
    return OutOfRange(
        f"holds more audio than this caller may send: {limits.audio_burst_s:g} s of audio at once and "
        f"{limits.audio_s_per_minute:g} s a minute, and a file waits for {patience_s:g} s",
        field="file",
    )


def _scripts(language: Language | None) -> tuple[str, ...]:
    return () if language is None else language.scripts


async def _nobody_waits(delta: str, tokens: tuple[TokenInfo, ...]) -> None:
    del delta, tokens


def _beam_search(form: AudioForm) -> BeamSearchSettings | None:
    """The field ``num_beams``, which OpenAI's API does not have."""
    beams = int(_choice(form, "num_beams", tuple(map(str, range(1, MAX_BEAMS + 1))), "1"))
    return BeamSearchSettings(beams) if beams > 1 else None


def _format(form: AudioForm) -> str:
    return _choice(form, "response_format", FORMATS, "json")


def _check_format(form: AudioForm, task: _Task) -> None:
    """Raises InvalidArgument: the answer cannot hold what is asked for. OpenAI refuses that, too."""
    if task.stream and task.format != "json":
        raise InvalidArgument("must be json where stream is true", field="response_format")
    for name, wanted in (("timestamp_granularities", "verbose_json"), ("include", "json")):
        if name in form.fields and task.format != wanted:
            raise InvalidArgument(f"must be {wanted} for {name}", field="response_format")


def _choice(form: AudioForm, name: str, choices: tuple[str, ...], default: str) -> str:
    value = form.one(name, default).lower()
    if value not in choices:
        raise InvalidArgument(f"must be one of {', '.join(choices)}", field=name)
    return value


def _choices(form: AudioForm, name: str, choices: tuple[str, ...]) -> set[str]:
    values = set(form.fields.get(name, []))
    if not values <= set(choices):
        raise InvalidArgument(f"may hold {', '.join(choices)}", field=name)
    return values
