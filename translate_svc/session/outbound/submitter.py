"""Takes the requests of a stream to the engine, and the engine's events to their utterances."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from translate_svc.engine.events import EngineEvent, RequestFinished, RequestQueued, RequestRefused
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, ResourceExhausted, TranslateSvcError
from translate_svc.session.outbound.trial import Trial
from translate_svc.session.utterances.live_utterance import LiveUtterance
from translate_svc.session.utterances.utterance_phase import UtterancePhase

_MAX_RETRY_S = 1.0
"""Longest wait between two attempts to submit. The engine admits the first request that comes."""


@dataclass(slots=True, eq=False)
class _OpenRequest:
    """``verdict``: the engine's answer; None: it was queued. ``ended``: set for a hypothesis alone."""

    utterance: LiveUtterance
    verdict: asyncio.Future[TranslateSvcError | None] | None = None
    ended: asyncio.Future[None] | None = None

    def answer(self, refusal: TranslateSvcError | None) -> None:
        """Ends the wait for the verdict."""
        if self.verdict is not None and not self.verdict.done():
            self.verdict.set_result(refusal)

    def end(self) -> None:
        """Ends the wait for the end of a hypothesis."""
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)


class Submitter:
    """Owns a request from its submission to its end.

    * **Refusal.** A whole utterance is submitted again while the engine is full, until the wait is over. A
      hypothesis is left out. A comparison is left out with all that would follow.
    * **Clear.** ``abort`` ends every wait for a request of the utterance, and no event of it is delivered any
      more. A request of a cleared utterance is never submitted again.
    * **End.** Events of a request that has ended or was aborted are ignored.

    Everything runs on the event loop's thread.
    """

    def __init__(
        self,
        engine: EngineHandle,
        deliver: Callable[[LiveUtterance, EngineEvent, bool], None],
        on_failure: Callable[[Exception], None],
        *,
        caller: str = "",
    ) -> None:
        """``deliver`` gets the utterance, an event of it, and whether it is of a hypothesis.

        ``caller``: whose share of the engine the requests take.
        """
        self._engine = engine
        self._deliver = deliver
        self._on_failure = on_failure
        self._caller = caller
        self._open: dict[str, _OpenRequest] = {}

    async def submit(self, utterance: LiveUtterance, request: Request) -> None:
        """Submits a request. Returns once the engine has queued it, or once it was aborted.

        Raises:
            InvalidArgument: as ``EngineHandle.submit``.
            ResourceExhausted, Unavailable, EngineLost: as ``RequestRefused``.
        """
        await self._submit(request, _OpenRequest(utterance))

    async def submit_patiently(self, utterance: LiveUtterance, request: Request, max_wait_s: float) -> None:
        """As ``submit``, but tries again for ``max_wait_s`` while the engine is full.

        Returns also when the utterance was cleared.
        """
        clock = asyncio.get_running_loop().time
        give_up_s = clock() + max_wait_s
        while not _is_cleared(utterance):
            try:
                await self.submit(utterance, request)
            except ResourceExhausted as error:
                if _is_cleared(utterance):
                    return
                left_s = give_up_s - clock()
                if left_s <= 0:
                    raise
                await asyncio.sleep(min(error.retry_after_s, _MAX_RETRY_S, left_s))
            else:
                return

    async def submit_hypothesis(self, utterance: LiveUtterance, request: Request) -> bool:
        """Submits a hypothesis and returns once it has ended or was aborted; False if the engine is full.

        Raises:
            InvalidArgument: as ``EngineHandle.submit``.
            Unavailable, EngineLost: as ``RequestRefused``.
        """
        opened = _OpenRequest(utterance, ended=asyncio.get_running_loop().create_future())
        try:
            await self._submit(request, opened)
            assert opened.ended is not None, "it is a hypothesis"
            await opened.ended
        except ResourceExhausted:
            return False
        return True

    async def _submit(self, request: Request, opened: _OpenRequest) -> None:
        opened.verdict = asyncio.get_running_loop().create_future()
        self._open[request.request_id] = opened
        try:
            self._engine.submit(dataclasses.replace(request, caller=self._caller), self.receive)
        except InvalidArgument:
            del self._open[request.request_id]
            raise
        if (refusal := await opened.verdict) is not None:
            raise refusal

    def compare_next(self, utterance: LiveUtterance) -> None:
        """Submits the next comparison of an utterance's texts, if there is one."""
        while (request := utterance.confidence.next_comparison()) is not None:
            self._open[request.request_id] = _OpenRequest(utterance)
            try:
                self._engine.submit(dataclasses.replace(request, caller=self._caller), self.receive)
            except InvalidArgument:  # a text may be longer than a source may be
                del self._open[request.request_id]
            else:
                return

    def adopt(self, utterance: LiveUtterance) -> None:
        """Opens the utterance's request without the engine. Its owner passes its events to ``receive``."""
        self._open[utterance.request_id] = _OpenRequest(utterance)

    def try_out(self, utterance: LiveUtterance, request: Request) -> Trial:
        """Submits a request whose events wait. Whoever calls releases or drops it."""
        return Trial(self._engine, utterance, request, self._caller)

    def take_over(self, utterance: LiveUtterance, trial: Trial) -> None:
        """Makes the request of ``trial`` that of ``utterance``, which has its id."""
        self.adopt(utterance)
        trial.release(self.receive)

    def grant(self, request_id: str, sequence: int) -> None:
        """Gives the engine credit for one more waveform piece."""
        self._engine.grant(request_id, sequence)

    def receive(self, event: EngineEvent) -> None:
        """The engine's callback: does not raise."""
        opened = self._open.get(event.request_id)
        if opened is None:
            return
        try:
            self._receive(opened, event)
        except Exception as error:
            self._on_failure(error)

    def _receive(self, opened: _OpenRequest, event: EngineEvent) -> None:
        utterance = opened.utterance
        if isinstance(event, RequestRefused):
            del self._open[event.request_id]
            opened.answer(event.error)
            opened.end()
            if event.request_id != utterance.confidence.open_comparison:
                return
            utterance.confidence.skip_comparisons()
        opened.answer(None)
        if isinstance(event, RequestFinished):
            del self._open[event.request_id]
            opened.end()
        if not isinstance(event, RequestQueued):
            self._deliver(utterance, event, opened.ended is not None)

    def abort(self, utterance: LiveUtterance) -> None:
        """Aborts and drops all requests of an utterance."""
        for request_id in [name for name, each in self._open.items() if each.utterance is utterance]:
            self._abort(request_id)

    def abort_all(self) -> None:
        """Aborts and drops all requests."""
        for request_id in list(self._open):
            self._abort(request_id)

    def _abort(self, request_id: str) -> None:
        self._engine.abort(request_id)
        opened = self._open.pop(request_id)
        opened.answer(None)
        opened.end()


def _is_cleared(utterance: LiveUtterance) -> bool:
    return utterance.phase is UtterancePhase.CLEARED
