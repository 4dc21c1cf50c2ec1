"""The requests of a stream that the engine has not ended, and what waits for them."""

from __future__ import annotations

import asyncio

from translate_svc.engine.handle import Deliver, EngineHandle
from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, ResourceExhausted, TranslateSvcError
from translate_svc.session.outbound.live_utterance import LiveUtterance


class OpenRequests:
    """Which utterance each request belongs to; ends the waits for the engine's answer and for hypotheses.

    A request that is not known, because it has ended or was aborted, is ignored by all methods.
    """

    def __init__(self, engine: EngineHandle) -> None:
        self._engine = engine
        self._utterances: dict[str, LiveUtterance] = {}
        self._verdicts: dict[str, asyncio.Future[TranslateSvcError | None]] = {}
        self._hypotheses: dict[str, asyncio.Future[None]] = {}

    def utterance_of(self, request_id: str) -> LiveUtterance | None:
        """The utterance of an open request."""
        return self._utterances.get(request_id)

    def is_hypothesis(self, request_id: str) -> bool:
        """Whether the request is a hypothesis."""
        return request_id in self._hypotheses

    def add(self, request_id: str, utterance: LiveUtterance) -> None:
        """Adds a request whose events do not come from the engine."""
        self._utterances[request_id] = utterance

    async def submit(self, request: Request, utterance: LiveUtterance, deliver: Deliver) -> None:
        """Submits a request. Returns once the engine has queued it, or once it was aborted.

        Raises:
            InvalidArgument: as ``EngineHandle.submit``.
            ResourceExhausted, Unavailable, EngineLost: as ``RequestRefused``.
        """
        self._utterances[request.request_id] = utterance
        verdict = self._verdicts[request.request_id] = asyncio.get_running_loop().create_future()
        try:
            self._engine.submit(request, deliver)
        except InvalidArgument:
            self.accept(request.request_id)
            self.finish(request.request_id)
            raise
        if (refusal := await verdict) is not None:
            raise refusal

    async def submit_hypothesis(self, request: Request, utterance: LiveUtterance, deliver: Deliver) -> bool:
        """Submits a hypothesis and returns once it has ended or was aborted; False where the engine is full.

        Raises:
            InvalidArgument: as ``EngineHandle.submit``.
            Unavailable, EngineLost: as ``RequestRefused``.
        """
        ended = self._hypotheses[request.request_id] = asyncio.get_running_loop().create_future()
        try:
            await self.submit(request, utterance, deliver)
            await ended
        except ResourceExhausted:
            return False
        finally:
            self._hypotheses.pop(request.request_id, None)
        return True

    def accept(self, request_id: str) -> None:
        """Notes that the engine has queued the request."""
        self._answer(request_id, None)

    def refuse(self, request_id: str, refusal: TranslateSvcError) -> None:
        """Notes that the engine has refused the request."""
        self._utterances.pop(request_id, None)
        self._answer(request_id, refusal)
        self._end_hypothesis(request_id)

    def finish(self, request_id: str) -> None:
        """Notes that the engine has finished the request."""
        self._utterances.pop(request_id, None)
        self._end_hypothesis(request_id)

    def abort(self, request_id: str) -> None:
        """Aborts and drops the request."""
        self._engine.abort(request_id)
        self.accept(request_id)
        self.finish(request_id)

    def abort_all(self) -> None:
        """Aborts and drops all requests."""
        for request_id in list(self._utterances):
            self.abort(request_id)

    def _answer(self, request_id: str, refusal: TranslateSvcError | None) -> None:
        verdict = self._verdicts.pop(request_id, None)
        if verdict is not None and not verdict.done():
            verdict.set_result(refusal)

    def _end_hypothesis(self, request_id: str) -> None:
        ended = self._hypotheses.get(request_id)
        if ended is not None and not ended.done():
            ended.set_result(None)
