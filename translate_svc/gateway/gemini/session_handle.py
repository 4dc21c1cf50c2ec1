"""What a client keeps to resume a session: Gemini's name for it is a handle."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from typing import Self

from translate_svc.errors import InvalidArgument
from translate_svc.types import MAX_POSITION

_POSITION = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class SessionHandle:
    """A resume token, with what the gateway must know without opening it.

    Attributes:
        token: the resume token.
        position: its commit point, in samples of the session's input. The client's audio continues there.
    """

    token: bytes
    position: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """The inverse of ``text``. Raises InvalidArgument: this is no handle of ours."""
        try:
            data = base64.urlsafe_b64decode(text)
            (position,) = _POSITION.unpack_from(data)
        except (binascii.Error, ValueError, struct.error):
            position, data = MAX_POSITION, b""
        if position >= MAX_POSITION:
            raise InvalidArgument("is not valid", field="setup.sessionResumption.handle")
        return cls(data[_POSITION.size :], position)

    @property
    def text(self) -> str:
        """What the client gets."""
        return base64.urlsafe_b64encode(_POSITION.pack(self.position) + self.token).decode()
