"""Turns the events of a client into the messages of a session."""

from __future__ import annotations

import asyncio
import re
from collections import deque

from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime.client_events import AudioReader, ClientEvents
from translate_svc.gateway.realtime.committed_turns import CommittedTurns
from translate_svc.gateway.realtime.dialect import Dialect, SessionSettings
from translate_svc.languages import LanguageTable
from translate_svc.types import (
    AudioInput,
    ClearInput,
    ClientMessage,
    EndInput,
    FinalizeInput,
    UpdateInput,
)

UPDATE = "session.update"
CLOSE = "session.close"

_SETTINGS_PATH = re.compile(r"^(?:config\.|update\.)?settings\.")
_PARAMS = (
    (re.compile(r"^targets\[0\]\."), "session.audio.output."),
    (re.compile(r"^targets"), "session.audio.output.targets"),
    (re.compile(r"^vad\.min_silence_ms$"), "session.audio.input.turn_detection.silence_duration_ms"),
    (re.compile(r"^vad\."), "session.audio.input.turn_detection."),
    (re.compile(r"^simultaneous"), "session.simultaneous"),
    (re.compile(r"^include"), "session.include"),
    (re.compile(r"^terms"), "session.terms"),
    (re.compile(r"^config\.input\.sample_rate_hz$"), "session.audio.input.format.rate"),
    (re.compile(r"^config\.input\."), "session.audio.input.format."),
    (re.compile(r"^audio\.data$"), "audio"),
)


class SessionInput:
    """The ``MessageSource`` of a realtime session."""

    def __init__(
        self,
        events: ClientEvents,
        dialect: Dialect,
        settings: SessionSettings,
        languages: LanguageTable,
        max_part_bytes: int,
        model: str,
        opened: asyncio.Event,
        turns: CommittedTurns,
    ) -> None:
        """``settings`` are those that the session was opened with, ``model`` is as for ``session_of``.

        ``opened`` is set when the client was told: an error of a later event must not come before that.
        ``turns`` is told what the client commits.
        """
        self._events = events
        self._model = model
        self._opened = opened
        self._turns = turns
        self._clears_committed = dialect.clears_committed
        self._prefix = dialect.prefix
        self._languages = languages
        self.settings = settings
        self.wanted = settings
        """The settings of the update that came last, which the session may still refuse."""
        self._audio = AudioReader(settings.input.bytes_per_sample, max_part_bytes)
        self._waiting: deque[ClientMessage] = deque()
        self._samples = 0
        self._buffer_start = 0
        self._closing = False

    async def receive(self) -> ClientMessage:
        """The client's next message. What cannot be one is answered by an ``error`` event."""
        await self._opened.wait()
        while not self._waiting:
            event = await self._events.receive()
            try:
                self._read(event)
            except TranslateSvcError as error:
                await self._events.refuse(error)
        if isinstance(self._waiting[0], ClearInput) and not self._clears_committed:
            # the session would drop all that is in flight
            await self._turns.settled()
        return self._waiting.popleft()

    def taken(self, message: ClientMessage) -> None:
        """The session has taken ``message``."""
        if isinstance(message, AudioInput):
            self._samples += len(message.data) // self.settings.input.bytes_per_sample
        elif isinstance(message, UpdateInput):
            self.settings = self.wanted
        elif isinstance(message, FinalizeInput):
            self._turns.commit(self._samples)

    def refused(self, message: ClientMessage) -> None:
        """The session has refused ``message``."""
        if isinstance(message, UpdateInput):
            self.wanted = self.settings

    def _read(self, event: JsonObject) -> None:
        if self._closing:
            raise InvalidArgument("the session is being closed", field="type")
        kind = event.text("type", "")
        if kind == f"{self._prefix}input_audio_buffer.append":
            self._waiting.extend(AudioInput(part) for part in self._audio.read(event))
        elif kind == UPDATE:
            self._update(event)
        elif kind == f"{self._prefix}input_audio_buffer.commit":
            self._commit()
        elif kind == f"{self._prefix}input_audio_buffer.clear":
            self._buffer_start = self._samples
            self._audio.clear()
            self._waiting.append(ClearInput())
        elif kind == CLOSE:
            self._closing = True
            self._waiting.append(EndInput(self._samples))
        else:
            raise unknown_event()

    def _commit(self) -> None:
        if self._samples == self._buffer_start:
            raise InvalidArgument("no audio came since the last commit or clear", field="type")
        self._buffer_start = self._samples
        self._waiting.append(FinalizeInput())

    def _update(self, event: JsonObject) -> None:
        wanted = self.settings.updated(session_of(event, self._model))
        if wanted.input != self.settings.input:
            raise InvalidArgument(
                "cannot change once the session has begun", field="session.audio.input.format"
            )
        self.wanted = wanted
        self._waiting.append(UpdateInput(wanted.stream_settings(self._languages)))


def session_of(event: JsonObject, model: str) -> JsonObject:
    """The ``session`` of an update. ``model``: the name that the client gave it when it connected, or empty.

    Raises:
        InvalidArgument: there is none, or it names another model.
    """
    session = event.object("session")
    if session is None:
        raise InvalidArgument("is required", field="session")
    if model and session.text("model", model) != model:
        raise InvalidArgument("cannot change within a session", field=session.under("model"))
    return session


def unknown_event() -> InvalidArgument:
    """The error of an event that the session does not know."""
    return InvalidArgument("is not an event of this session", field="type")


def in_openai_terms(error: TranslateSvcError, dialect: Dialect) -> TranslateSvcError:
    """Renames the field of ``error``, from our contract's path to that of the protocol."""
    path = _SETTINGS_PATH.sub("", error.field)
    if path == "source_language":
        error.field = dialect.language_param
    if path.startswith("source_candidates"):
        error.field = dialect.candidates_param
    for pattern, param in _PARAMS:
        if pattern.search(path):
            error.field = pattern.sub(param, path)
            break
    return error
