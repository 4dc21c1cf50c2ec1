"""Delivers events from the engine's thread to callers, and tracks which requests are open."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Iterable

from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    RequestRefused,
    SequenceFinished,
)
from translate_svc.engine.handle import Deliver
from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, TranslateSvcError, Unavailable

_log = logging.getLogger(__name__)


class Submission:
    """One call of ``submit``.

    A request id may be used again once its submission is closed. The submission tells such requests apart.
    """

    __slots__ = ("_deliver", "_unfinished", "open", "request")

    def __init__(self, request: Request, deliver: Deliver) -> None:
        self.request = request
        self.open = True
        self._deliver = deliver
        self._unfinished = set(range(len(request.sequences)))

    def deliver(self, event: EngineEvent) -> None:
        """Calls the caller's callback with one event."""
        if isinstance(event, SequenceFinished):
            self._unfinished.discard(event.sequence)
        self._deliver(event)

    def failure_events(self, error: str) -> list[EngineEvent]:
        """The events that end this request as FAILED now, in the order that ``engine.events`` documents."""
        request_id = self.request.request_id
        ends: list[EngineEvent] = [
            SequenceFinished(request_id, sequence, FinishStatus.FAILED, error)
            for sequence in sorted(self._unfinished)
        ]
        return [*ends, RequestFinished(request_id, FinishStatus.FAILED, error=error)]


class Delivery:
    """The open submissions. Its length is the number of accepted requests; refused ones do not count.

    Call ``deliver`` and ``fail_all`` on the thread that callers receive their events on. All other methods
    may be called from any thread. The lock is held while a caller's callback runs. So ``close`` from another
    thread returns only when no event of that request is being delivered. The lock is re-entrant: a callback
    may close and open requests.
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
        """Accepts requests from now on."""
        with self._lock:
            self._refusal = None

    def refuse(self, error: TranslateSvcError) -> None:
        """Refuses requests from now on, with ``error`` as the reason."""
        with self._lock:
            self._refusal = error

    @property
    def refusal(self) -> TranslateSvcError | None:
        """Why requests are refused now, as a new copy of the exception; None while they are accepted."""
        return copy.copy(self._refusal)

    def open(self, request: Request, deliver: Deliver) -> Submission | None:
        """Opens a submission for a new request. None when requests are refused or ``max_open`` are open.

        Raises:
            InvalidArgument: the id is in use.
        """
        with self._lock:
            self._check_unused(request)
            if self._refusal is not None or len(self._open) >= self._max_open:
                return None
            submission = self._open[request.request_id] = Submission(request, deliver)
            return submission

    def open_refused(self, request: Request, deliver: Deliver) -> Submission:
        """Opens a submission for a refused request. Its only event is ``RequestRefused``.

        Raises:
            InvalidArgument: the id is in use.
        """
        with self._lock:
            self._check_unused(request)
            submission = self._refused[request.request_id] = Submission(request, deliver)
            return submission

    def _check_unused(self, request: Request) -> None:
        if request.request_id in self._open or request.request_id in self._refused:
            raise InvalidArgument("is in use", field="request_id")

    def find(self, request_id: str) -> Submission | None:
        """The open submission of an accepted request; None without one."""
        return self._open.get(request_id)

    def close(self, request_id: str) -> Submission | None:
        """Closes and returns a request's submission; None when none is open.

        Nothing of the request is delivered once this has returned.
        """
        with self._lock:
            submission = self._open.pop(request_id, None) or self._refused.pop(request_id, None)
            if submission is not None:
                submission.open = False
            return submission

    def deliver(self, batch: Iterable[tuple[Submission, EngineEvent]]) -> list[Submission]:
        """Delivers the events of a step.

        Returns the submissions that it closed because their callback raised.
        """
        broken: list[Submission] = []
        for submission, event in batch:
            with self._lock:
                if not submission.open:
                    continue
                if isinstance(event, RequestFinished | RequestRefused):
                    self.close(event.request_id)
                try:
                    submission.deliver(event)
                except (KeyboardInterrupt, SystemExit):
                    raise
                # one faulty callback must not stop the other requests' events. A cancelled future raises
                # asyncio's CancelledError, which is no Exception
                except BaseException as error:
                    _log.error("a request is dropped because its callback raised %s", type(error).__name__)
                    if submission.open:
                        self.close(event.request_id)
                        broken.append(submission)
        return broken

    def fail_all(self, error: TranslateSvcError) -> None:
        """Ends every open request as FAILED and refuses new ones, both with ``error`` as the reason."""
        with self._lock:
            self._refusal = error
            for submission in list(self._open.values()):
                self.deliver([(submission, event) for event in submission.failure_events(str(error))])
