"""Admission as a front process sees it: the engine's process decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from translate_svc.engine.handle import ENGINE_LOST
from translate_svc.errors import EngineLost, ResourceExhausted
from translate_svc.remote_engine.admission_messages import (
    AdmissionAnswer,
    AdmissionAnswers,
    AdmissionCommand,
    AdmissionCommands,
    Admit,
    Charge,
    Check,
    Draw,
    DrawnAudio,
    Refused,
    Release,
)
from translate_svc.session.admission import AdmissionSlot
from translate_svc.types import Caller

_MAX_QUESTIONS = 256
"""Questions without an answer. Further ones are refused here, so that a flood of calls costs the engine's
process no more than it answers.
"""
_RETRY_AFTER_S = 2.0


@dataclass(slots=True)
class _Question:
    """``caller``: whose audio it is about; None: it is not about audio."""

    answer: asyncio.Future[float]
    caller: Caller | None = None
    is_admission: bool = False


@dataclass(slots=True)
class _DrawnAhead:
    """Audio of a caller that was drawn and not sent yet. ``used``: some was sent since the last look."""

    caller: Caller
    left_s: float = 0.0
    used: bool = False


class RemoteAdmission:
    """The ``AdmissionControl`` of a front process. It belongs to one event loop.

    Commands are kept until ``take`` fetches them, and questions are bounded. Where no answer comes in time,
    the caller is refused; a slot that is granted later is given back.
    """

    def __init__(self, wake: Callable[[], None], answer_timeout_s: float) -> None:
        """``wake``: called when there is something to take."""
        self._wake = wake
        self._answer_timeout_s = answer_timeout_s
        self._next_ticket = 0
        self._questions: dict[int, _Question] = {}
        self._commands: list[AdmissionCommand] = []
        self._ahead: dict[str, _DrawnAhead] = {}
        self._lost = False
        self.live = 0
        """Implements ``AdmissionControl.live``."""
        self.admitted = self.rejected = 0
        """Implement ``AdmissionControl.admitted`` and ``rejected``: the connection notes what it was told."""

    # ---------------------------------------------------------------- the service

    async def admit(self, caller: Caller, cost: float, *, goes_on: bool = False) -> AdmissionSlot:
        """Implements ``AdmissionControl.admit``.

        Raises:
            EngineLost: the engine's process has gone.
            ResourceExhausted: it does not answer in time, or too many wait for an answer.
        """
        ticket, question = self._question(is_admission=True)
        self._send(Admit(ticket, caller, cost, goes_on))
        try:
            await self._answered(question)
        except BaseException:
            if _is_yes(question.answer):  # it came with the cancellation
                self._send(Release(ticket))
            raise
        self.live += 1
        return AdmissionSlot(lambda: self._release(ticket))

    async def check(self, caller: Caller) -> None:
        """Implements ``AdmissionControl.check``. Raises as ``admit``."""
        ticket, question = self._question()
        self._send(Check(ticket, caller))
        await self._answered(question)

    async def draw(self, caller: Caller, seconds: float, *, patient: bool) -> float:
        """Implements ``AdmissionControl.draw``. Raises as ``admit``."""
        if caller.limits.audio_s_per_minute is None:
            return 0.0
        while (ahead := self._drawn_ahead(caller)).left_s < seconds:
            ticket, question = self._question(caller)
            self._send(Draw(ticket, caller, seconds - ahead.left_s, patient))
            if wait_s := await self._answered(question):
                return wait_s
        ahead.left_s -= seconds
        return 0.0

    def charge(self, caller: Caller, seconds: float) -> None:
        """Implements ``AdmissionControl.charge``."""
        if caller.limits.audio_s_per_minute is not None:
            self._send(Charge(caller, seconds))

    # ---------------------------------------------------------------- the connection

    def take(self) -> AdmissionCommands | None:
        """The commands since the last call; None without any."""
        if not self._commands:
            return None
        commands, self._commands = self._commands, []
        return AdmissionCommands(tuple(commands))

    def receive(self, message: AdmissionAnswers) -> None:
        """Takes answers. Those that nobody waits for any more are undone."""
        for answer in message.answers:
            question = self._questions.pop(answer.ticket)
            if isinstance(answer, DrawnAudio) and question.caller is not None:
                self._drawn_ahead(question.caller).left_s += answer.seconds
            if not question.answer.done():
                _settle(question.answer, answer)
            elif question.is_admission and not isinstance(answer, Refused):
                self._send(Release(answer.ticket))

    def give_back(self) -> None:
        """Gives audio back that was drawn and of which none was sent since the last call."""
        for name, ahead in tuple(self._ahead.items()):
            if not ahead.used:
                if ahead.left_s > 0:
                    self._send(Charge(ahead.caller, -ahead.left_s))
                del self._ahead[name]
            ahead.used = False

    def lose(self) -> None:
        """Fails all that wait for an answer: nobody will give one. From now on nobody is admitted."""
        self._lost = True
        questions, self._questions = self._questions, {}
        for question in questions.values():
            if not question.answer.done():
                question.answer.set_exception(EngineLost(ENGINE_LOST))
        self._commands.clear()

    def _drawn_ahead(self, caller: Caller) -> _DrawnAhead:
        """What was drawn for ``caller``; it is about to be used."""
        ahead = self._ahead.setdefault(caller.name, _DrawnAhead(caller))
        ahead.caller, ahead.used = caller, True
        return ahead

    def _question(self, caller: Caller | None = None, *, is_admission: bool = False) -> tuple[int, _Question]:
        if self._lost:
            raise EngineLost(ENGINE_LOST)
        if len(self._questions) >= _MAX_QUESTIONS:
            raise ResourceExhausted(
                f"{len(self._questions)} others wait for the engine's process", retry_after_s=_RETRY_AFTER_S
            )
        ticket, self._next_ticket = self._next_ticket, self._next_ticket + 1
        question = _Question(asyncio.get_running_loop().create_future(), caller, is_admission)
        self._questions[ticket] = question
        return ticket, question

    async def _answered(self, question: _Question) -> float:
        try:
            async with asyncio.timeout(self._answer_timeout_s) as patience:
                return await question.answer
        except TimeoutError:
            if not patience.expired():
                raise
            raise ResourceExhausted(
                f"the engine's process has not answered for {self._answer_timeout_s:g} s",
                retry_after_s=_RETRY_AFTER_S,
            ) from None

    def _send(self, command: AdmissionCommand) -> None:
        if not self._lost:
            self._commands.append(command)
            self._wake()

    def _release(self, ticket: int) -> None:
        self.live -= 1
        self._send(Release(ticket))


def _settle(waiting: asyncio.Future[float], answer: AdmissionAnswer) -> None:
    match answer:
        case Refused(error=error):
            waiting.set_exception(error)
        case DrawnAudio(wait_s=wait_s):
            waiting.set_result(wait_s)
        case _:
            waiting.set_result(0.0)


def _is_yes(answer: asyncio.Future[float]) -> bool:
    return answer.done() and not answer.cancelled() and answer.exception() is None
