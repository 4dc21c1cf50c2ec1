"""What a telephone call tells, and the server's end of its connection, whatever the provider's protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from translate_svc.types import AudioFormat


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The first event.

    Attributes:
        audio: of both directions: one channel, and an encoding without memory.
        parameters: what the provider passes on from whoever set up the call.
        line: names the settings of the operator's file that are for this call; may be empty.
    """

    audio: AudioFormat
    parameters: Mapping[str, str] = field(default_factory=dict)
    line: str = ""


@dataclass(frozen=True, slots=True)
class CallAudio:
    """What the caller says, in the call's format."""

    data: bytes


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller has pressed a key of the telephone: one character (DTMF)."""

    key: str


@dataclass(frozen=True, slots=True)
class MarkHeard:
    """All audio before a mark was played to the caller."""

    name: str


@dataclass(frozen=True, slots=True)
class PlaybackHeld:
    """The provider's buffer is full: nothing may be sent. ``held`` False: it may again."""

    held: bool


@dataclass(frozen=True, slots=True)
class HungUp:
    """The call is over."""


CallEvent = CallStarted | CallAudio | KeyPressed | MarkHeard | PlaybackHeld | HungUp


class CallSocket(Protocol):
    """The server's end of the connection of one call. One task receives, another one sends."""

    @property
    def bytes_out(self) -> int:
        """Size of all messages sent so far."""

    @property
    def ahead_ms(self) -> int:
        """How much audio the provider may hold that the caller has not heard."""

    @property
    def audio_field(self) -> str:
        """What errors call the caller's audio: its field in the provider's protocol."""

    def status_of(self, error: BaseException | None) -> str:
        """As ``EventSink.status_of``; empty where the protocol has no status."""

    async def receive(self) -> CallEvent:
        """The next event.

        Raises:
            InvalidArgument, Unsupported: a message is not of the protocol, or not served. Names the field.
            StreamTimeout: the provider does not answer any more.
        """

    async def play(self, data: bytes) -> None:
        """Sends whole frames of 20 ms in the call's format. Waits while the provider takes nothing."""

    async def mark(self, name: str) -> None:
        """Asks to be told when what was sent so far has been heard. May do nothing."""

    async def clear(self) -> None:
        """Drops what the provider holds. May do nothing."""
