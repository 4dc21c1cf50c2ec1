"""From the engine's thread to whoever asked: which requests are open, and their events handed over."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Iterable

from translate_svc.engine.handle import Deliver
from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    RequestFinished,
    RequestRefused,
    SequenceFinished,
)
from translate_svc.errors import InvalidArgument, TranslateSvcError, Unavailable

_log = logging.getLogger(__name__)


class Submission:
    """One submission. An id may be used again once its ticket is closed; tickets tell such requests apart."""

    __slots__ = ("_deliver", "_unfinished", "open", "request")

    def __init__(self, request: Request, deliver: Deliver) -> None:
        self.request = request
        self.open = True
        self._deliver = deliver
        self._unfinished = set(range(len(request.sequences)))

    def hand_over(self, event: EngineEvent) -> None:
        """Gives one event to the caller."""
        if isinstance(event, SequenceFinished):
            self._unfinished.discard(event.sequence)
        self._deliver(event)

    def failure(self, error: str) -> list[EngineEvent]:
        """The events that end this request now, in the order of the contract."""
        request_id = self.request.request_id
        ends: list[EngineEvent] = [
            SequenceFinished(request_id, sequence, FinishStatus.FAILED, error)
            for sequence in sorted(self._unfinished)
        ]
        return [*ends, RequestFinished(request_id, FinishStatus.FAILED, error=error)]


class Delivery:
    """The open tickets. Its length is the number of requests taken; those refused are not among them.

    ``deliver`` and ``fail_all`` belong to the thread that callers want their events on; the rest may be
    called from any. The lock is held while a caller's ``deliver`` runs, so that ``close`` from another thread
    returns only when no event of that request is on its way any more. It is re-entrant: a ``deliver`` may
    close and open requests.
    """

    def __init__(self, max_open: int) -> None:
        self._max_open = max_open
        self._lock = threading.RLock()
        self._open: dict[str, Submission] = {}
        self._refused: dict[str, Submission] = {}
        self._refusal: TranslateSvcError | None = Unavailable("the engine is not started")

    def __len__(self) -> int:
        return len(self._open)

    def accept(self) -> None:
        """From now on requests are taken."""
        with self._lock:
            self._refusal = None

    def refuse(self, error: TranslateSvcError) -> None:
        """From now on no request is taken, for this reason."""
        with self._lock:
            self._refusal = error

    @property
    def refusal(self) -> TranslateSvcError | None:
        """Why no request is taken now, an exception of the caller's own; None while they are."""
        return copy.copy(self._refusal)

    def open(self, request: Request, deliver: Deliver) -> Submission | None:
        """A ticket for a new request; None when none is taken now, or ``max_open`` are open.

        Raises:
            InvalidArgument: the id is in use.
        """
        with self._lock:
            self._check_unused(request)
            if self._refusal is not None or len(self._open) >= self._max_open:
                return None
            ticket = self._open[request.request_id] = Submission(request, deliver)
            return ticket

    def open_refused(self, request: Request, deliver: Deliver) -> Submission:
        """A ticket for a request that is not taken: all that may be delivered on it is ``RequestRefused``.

        Raises:
            InvalidArgument: the id is in use.
        """
        with self._lock:
            self._check_unused(request)
            ticket = self._refused[request.request_id] = Submission(request, deliver)
            return ticket

    def _check_unused(self, request: Request) -> None:
        if request.request_id in self._open or request.request_id in self._refused:
            raise InvalidArgument("is in use", field="request_id")

    def find(self, request_id: str) -> Submission | None:
        """The open ticket of a request."""
        return self._open.get(request_id)

    def close(self, request_id: str) -> Submission | None:
        """Closes a request's ticket: nothing of it is delivered once this has returned. None if none is
        open.
        """
        with self._lock:
            ticket = self._open.pop(request_id, None) or self._refused.pop(request_id, None)
            if ticket is not None:
                ticket.open = False
            return ticket

    def deliver(self, batch: Iterable[tuple[Submission, EngineEvent]]) -> list[Submission]:
        """Hands over a step's events. Gives the tickets it closed because their caller's ``deliver``
        raised.
        """
        broken: list[Submission] = []
        for ticket, event in batch:
            with self._lock:
                if not ticket.open:
                    continue
                if isinstance(event, RequestFinished | RequestRefused):
                    self.close(event.request_id)
                try:
                    ticket.hand_over(event)
                except Exception as error:  # the fault of one caller must not cost the others their events
                    _log.error("a request is dropped: its receiver raised %s", type(error).__name__)
                    if ticket.open:
                        self.close(event.request_id)
                        broken.append(ticket)
        return broken

    def fail_all(self, error: TranslateSvcError) -> None:
        """Ends every open request as FAILED and refuses new ones, both with this reason."""
        with self._lock:
            self._refusal = error
            for ticket in list(self._open.values()):
                self.deliver([(ticket, event) for event in ticket.failure(str(error))])
