"""The slots that the streams and calls of front processes hold, in the process that decides about them."""

from __future__ import annotations

from collections import defaultdict

from translate_svc.errors import TranslateSvcError
from translate_svc.remote_engine.admission_messages import (
    AdmissionAnswer,
    AdmissionAnswers,
    AdmissionCommand,
    AdmissionCommands,
    Admit,
    Allowed,
    Charge,
    Check,
    Draw,
    DrawnAudio,
    Refused,
    Release,
)
from translate_svc.session.admission import AdmissionSlot
from translate_svc.session.quotas.caller_admission import CallerAdmission

_DRAWN_AHEAD_S = 1.0
"""A front process asks about once in so much audio, not for every message."""


class FrontAdmission:
    """Answers all front processes, one command after the other, so that every count is exact."""

    def __init__(self, decides: CallerAdmission) -> None:
        self._decides = decides
        self._slots: defaultdict[int, dict[int, AdmissionSlot]] = defaultdict(dict)  # by process and ticket

    def live(self, index: int) -> int:
        """Streams and calls that a front process serves."""
        return len(self._slots.get(index, ()))

    def answer(self, index: int, message: AdmissionCommands) -> AdmissionAnswers:
        """Does what a front process asks for."""
        answers = (self._answer(index, command) for command in message.commands)
        return AdmissionAnswers(tuple(answer for answer in answers if answer is not None))

    def release(self, index: int) -> None:
        """A front process has ended, and its streams with it. The audio that it drew stays used."""
        for slot in self._slots.pop(index, {}).values():
            slot.release()

    def _answer(self, index: int, command: AdmissionCommand) -> AdmissionAnswer | None:
        quotas, slots = self._decides.quotas, self._slots[index]
        try:
            match command:
                case Admit(ticket, caller, cost, goes_on):
                    slots[ticket] = self._decides.admit(caller, cost, goes_on=goes_on)
                    return Allowed(ticket)
                case Check(ticket, caller):
                    self._decides.check(caller)
                    return Allowed(ticket)
                case Draw(ticket, caller, seconds, patient):
                    drawn = quotas.draw(caller, seconds, most_s=_DRAWN_AHEAD_S, patient=patient)
                    return DrawnAudio(ticket, drawn.seconds, drawn.wait_s)
                case Release(ticket):
                    if (slot := slots.pop(ticket, None)) is not None:
                        slot.release()
                case Charge(caller, seconds):
                    quotas.charge(caller, seconds)
        except TranslateSvcError as error:
            return Refused(command.ticket, error)  # type: ignore[union-attr]  # the others raise nothing
        return None
