"""The messages about admission between a front process and the engine's. Plain data, as in ``messages``.

A *ticket* is the number of a question within its front process. That of an ``Admit`` also names the slot.
"""

from __future__ import annotations

import msgspec

from translate_svc.errors import TranslateSvcError
from translate_svc.types import Caller


class Admit(msgspec.Struct, tag=True, frozen=True):
    """May a stream or call of this caller come in? ``cost``, ``goes_on``: as of ``Admission.admit``."""

    ticket: int
    caller: Caller
    cost: float
    goes_on: bool


class Check(msgspec.Struct, tag=True, frozen=True):
    """Would a call of this caller be refused now? It gets no slot."""

    ticket: int
    caller: Caller


class Draw(msgspec.Struct, tag=True, frozen=True):
    """So many seconds of audio of this caller, as of ``Quotas.draw``; more of it where there is plenty."""

    ticket: int
    caller: Caller
    seconds: float
    patient: bool


class Release(msgspec.Struct, tag=True, frozen=True):
    """Gives the slot of an ``Admit`` back. Not answered."""

    ticket: int


class Charge(msgspec.Struct, tag=True, frozen=True):
    """Audio that a caller has sent; less than 0: that was drawn and not sent. Not answered."""

    caller: Caller
    seconds: float


AdmissionCommand = Admit | Check | Draw | Release | Charge


class AdmissionCommands(msgspec.Struct, tag=True, frozen=True):
    """What a front process asks since its last message, in order."""

    commands: tuple[AdmissionCommand, ...]


class Allowed(msgspec.Struct, tag=True, frozen=True):
    """Yes, to an ``Admit`` or a ``Check``."""

    ticket: int


class Refused(msgspec.Struct, tag=True, frozen=True):
    """No, and why."""

    ticket: int
    error: TranslateSvcError


class DrawnAudio(msgspec.Struct, tag=True, frozen=True):
    """The answer to a ``Draw``: ``quotas.Drawn``."""

    ticket: int
    seconds: float
    wait_s: float


AdmissionAnswer = Allowed | Refused | DrawnAudio


class AdmissionAnswers(msgspec.Struct, tag=True, frozen=True):
    """Answers, in the order of the questions."""

    answers: tuple[AdmissionAnswer, ...]
