"""What the two kinds of realtime sessions have in common, and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, Self

from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.realtime.audio_formats import InputFormat
from translate_svc.gateway.web_socket import WireEvent
from translate_svc.languages import LanguageTable
from translate_svc.serving.protocols import TranslationService
from translate_svc.types import (
    DEFAULT_ENCODING,
    AudioFormat,
    SessionEvent,
    StreamConfig,
    StreamSettings,
    VadSettings,
)

OUTPUT = AudioFormat(DEFAULT_ENCODING, 24_000)
"""The audio that a session sends."""


class SessionSettings(Protocol):
    """The settings of a session. Updates make new ones."""

    @property
    def input(self) -> InputFormat:
        """The audio that the client sends. It cannot change once the session has begun."""

    @property
    def vad(self) -> VadSettings | None:
        """How speech is cut; None: the client commits."""

    @property
    def include(self) -> frozenset[str]:
        """What the session asks for in addition."""

    def check(self, languages: LanguageTable) -> None:
        """Raises InvalidArgument for a language that the loaded checkpoint does not have."""

    @property
    def missing(self) -> str:
        """The field without which the session cannot begin; empty if none is missing."""

    def updated(self, session: JsonObject) -> Self:
        """These settings with the changes of a ``session`` object.

        Raises:
            InvalidArgument: a field is unknown or its value is not valid. Names the field.
            Unsupported: the session asks for what this server does not have. Names the field.
        """

    def stream_settings(self, languages: LanguageTable) -> StreamSettings:
        """The settings of the stream. ``languages`` are those of the loaded checkpoint."""

    def to_json(self, languages: LanguageTable) -> dict[str, Any]:
        """The fields of the session object that they fill."""


class EventEncoder(Protocol):
    """Turns the events of a stream into those of the protocol. Each session has its own."""

    def apply(self, settings: SessionSettings) -> None:
        """The stream's utterances have ``settings`` from the next one on."""

    def encode(self, event: SessionEvent) -> Iterable[WireEvent]:
        """The events to send, without their ``event_id``; often none."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of session.

    Attributes:
        kind: ``type`` of the session object.
        prefix: of the names of the client's audio events.
        language_param: path of the source language.
        candidates_param: path of the languages that it may be.
        object: ``object`` of the session object; empty: it has none.
        begins_with_event: whether the client's first event begins a session also where no setting is missing:
            it may choose the format of the audio.
        clears_committed: whether clearing the buffer also drops the turns that were committed.
        closed: the last event; None: there is none, the connection is closed.
        first_settings: the settings before the first update.
        encoder: makes the encoder of one session, whose positions count at the given rate.
    """

    kind: str
    prefix: str
    language_param: str
    candidates_param: str
    object: str
    begins_with_event: bool
    clears_committed: bool
    closed: WireEvent | None
    first_settings: Callable[[GatewayOptions, TranslationService], SessionSettings]
    encoder: Callable[[LanguageTable, int], EventEncoder]


def stream_config(settings: SessionSettings, languages: LanguageTable) -> StreamConfig:
    """The first message of a session's stream."""
    return StreamConfig(settings.input.audio, OUTPUT, settings.stream_settings(languages))
