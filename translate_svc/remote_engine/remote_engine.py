"""The engine as a front process sees it: an ``EngineHandle`` that sends commands and receives steps."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable

import numpy as np

from translate_svc.engine.events import RequestRefused
from translate_svc.engine.handle import ENGINE_LOST, Deliver, EngineStatus
from translate_svc.engine.request import HypothesisRequest, Request, SourceText
from translate_svc.engine.simultaneous.hypothesis import HypothesisOptions
from translate_svc.engine.thread.delivery import Delivery, Submission
from translate_svc.errors import EngineLost, InvalidArgument, ResourceExhausted, TranslateSvcError
from translate_svc.remote_engine.messages import Abort, Commands, Grant, HypothesisFields, Step, Submit

_RETRY_AFTER_S = 1.0


class RemoteEngine:
    """The ``EngineHandle`` of an engine in another process. It belongs to one event loop.

    Commands are kept until ``take`` fetches them. They are bounded: a request that the engine has not
    answered yet counts, and with ``max_unanswered`` of them further ones are refused here. Credit is summed
    up.

    What the engine finds wrong with a request comes as ``RequestRefused`` with an ``InvalidArgument``, not as
    an exception of ``submit``.
    """

    def __init__(
        self,
        status: EngineStatus,
        max_unanswered: int,
        wake: Callable[[], None],
        on_lost: Callable[[BaseException], None] | None = None,
    ) -> None:
        """``wake``: called when there is something to take. ``on_lost``: see ``lose``."""
        self._pushed = status
        self._max_unanswered = max_unanswered
        self._wake = wake
        self._on_lost = on_lost
        self._lost = False
        self._delivery = Delivery(status.max_live_requests)
        self._delivery.accept()
        self._next_ticket = 0
        self._tickets: dict[Submission, int] = {}
        self._submissions: dict[int, Submission] = {}
        self._unanswered: set[int] = set()
        self._requests: list[Submit | Abort] = []
        self._grants: Counter[tuple[int, int]] = Counter()

    @property
    def status(self) -> EngineStatus:
        """Implements ``EngineHandle.status``: the whole engine's, plus requests not answered here yet."""
        unanswered = len(self._unanswered)
        return dataclasses.replace(
            self._pushed,
            healthy=self._pushed.healthy and not self._lost,
            lost=self._lost,
            live_requests=self._pushed.live_requests + unanswered,
            waiting_requests=self._pushed.waiting_requests + unanswered,
        )

    @property
    def open_requests(self) -> int:
        """Requests of this process whose last event has not been delivered."""
        return len(self._delivery)

    # ---------------------------------------------------------------- sessions

    def submit(self, request: Request, deliver: Deliver) -> None:
        """Implements ``EngineHandle.submit``.

        Raises:
            InvalidArgument: the id is in use, or the source cannot be sent.
        """
        _check_source(request)
        full = ResourceExhausted("the waiting queue is full", retry_after_s=_RETRY_AFTER_S)
        has_room = len(self._unanswered) < self._max_unanswered
        submission = self._delivery.open(request, deliver) if has_room else None
        if submission is None:
            refused = self._delivery.open_refused(request, deliver)
            event = RequestRefused(request.request_id, self._delivery.refusal or full)
            asyncio.get_running_loop().call_soon(self._delivery.deliver, [(refused, event)])
            return
        ticket = self._next_ticket
        self._next_ticket += 1
        self._tickets[submission] = ticket
        self._submissions[ticket] = submission
        self._unanswered.add(ticket)
        self._requests.append(_submit_message(ticket, request))
        self._wake()

    def abort(self, request_id: str) -> None:
        """Implements ``EngineHandle.abort``."""
        submission = self._delivery.close(request_id)
        if submission is not None:
            self._drop(submission)

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        """Implements ``EngineHandle.grant``."""
        submission = self._delivery.find(request_id)
        ticket = None if submission is None else self._tickets.get(submission)
        if ticket is not None:
            self._grants[ticket, sequence] += pieces
            self._wake()

    def _drop(self, submission: Submission) -> None:
        """Asks the engine to drop a submission that is closed here."""
        ticket = self._forget(submission)
        if ticket is not None:
            self._requests.append(Abort(ticket))
            self._wake()

    def _forget(self, submission: Submission) -> int | None:
        ticket = self._tickets.pop(submission, None)
        if ticket is not None:
            del self._submissions[ticket]
            self._unanswered.discard(ticket)
        return ticket

    # ---------------------------------------------------------------- the connection

    def take(self) -> Commands | None:
        """The commands since the last call; None without any."""
        if not self._requests and not self._grants:
            return None
        requests, self._requests = self._requests, []
        grants, self._grants = self._grants, Counter()
        return Commands(
            tuple(requests),
            tuple(Grant(ticket, sequence, pieces) for (ticket, sequence), pieces in grants.items()),
        )

    def receive(self, step: Step) -> None:
        """Delivers the events of a step, unless it is that of a lost engine: see ``lose``."""
        if step.status.lost:
            self.push(step.status)
            return
        for entry in step.events:
            self._unanswered.discard(entry.ticket)
            submission = self._submissions.get(entry.ticket)
            if submission is None:
                continue  # aborted here before the engine knew
            broken = self._delivery.deliver([(submission, entry.event)])
            if broken:
                self._drop(submission)
            elif not submission.open:
                self._forget(submission)
        self.push(step.status)

    def push(self, status: EngineStatus) -> None:
        """Takes the engine's status over. A lost engine is lost here, too."""
        self._pushed = status
        if status.lost:
            self.lose("the engine's process has lost it")

    def lose(self, reason: str) -> None:
        """Refuses new requests, calls ``on_lost``, once, and ends every request that is left as FAILED.

        In this order, so that a session can end with the reason: it would take the failures for those of its
        utterances, and tell its client so, who hears them again elsewhere.
        """
        if self._lost:
            return
        self._lost = True
        self._requests.clear()
        self._grants.clear()
        self._tickets.clear()
        self._submissions.clear()
        self._unanswered.clear()
        self._delivery.refuse(EngineLost(ENGINE_LOST))
        if self._on_lost is not None:
            self._on_lost(EngineLost(reason))
        self._delivery.fail_all(EngineLost(ENGINE_LOST))

    def refuse(self, error: TranslateSvcError) -> None:
        """Refuses requests from now on."""
        self._delivery.refuse(error)


def _check_source(request: Request) -> None:
    """Refuses a source that a message cannot carry unchanged."""
    if isinstance(request.source, SourceText):
        try:
            request.source.text.encode()
        except UnicodeEncodeError:
            message = "must be Unicode text, without surrogates"
            raise InvalidArgument(message, field="source") from None
    elif request.source.ndim != 1 or request.source.dtype != np.float32:
        raise InvalidArgument("must be one-dimensional float32", field="source")


def _submit_message(ticket: int, request: Request) -> Submit:
    source = request.source
    return Submit(
        ticket=ticket,
        request_id=request.request_id,
        samples=None if isinstance(source, SourceText) else source,
        text=source if isinstance(source, SourceText) else None,
        sequences=request.sequences,
        source_times=request.source_times,
        terms=request.terms,
        transcript=request.transcript,
        hypothesis=_hypothesis_fields(request.hypothesis) if isinstance(request, HypothesisRequest) else None,
        caller=request.caller,
        question=request.question,
    )


def _hypothesis_fields(hypothesis: HypothesisOptions) -> HypothesisFields:
    values = {field.name: getattr(hypothesis, field.name) for field in dataclasses.fields(hypothesis)}
    policy = type(hypothesis.policy).__name__, dataclasses.asdict(hypothesis.policy)  # type: ignore[call-overload]
    return HypothesisFields(**values | {"policy": policy})
