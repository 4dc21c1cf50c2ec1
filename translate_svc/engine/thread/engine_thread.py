"""The thread that owns the device: steps the core, with what callers asked for in between."""

from __future__ import annotations

import dataclasses
import logging
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import EngineEvent, RequestFinished
from translate_svc.engine.handle import EngineStatus
from translate_svc.engine.stats import RetryEstimate
from translate_svc.engine.thread.delivery import Submission
from translate_svc.engine.thread.mailbox import Mail, Mailbox

_log = logging.getLogger(__name__)

EventBatch = list[tuple[Submission, EngineEvent]]


@dataclass(frozen=True, slots=True)
class EngineThreadCallbacks:
    """What the thread calls, on itself."""

    events: Callable[[EventBatch], None]
    """Events between two steps."""
    stepped: Callable[[EngineStatus, EventBatch], None]
    """A step ended with events or a changed status: the status, and all events of the step."""
    warm: Callable[[], None]
    """The thread begins with the first request."""
    failed: Callable[[BaseException], None]
    """The core raised, and the thread ends."""
    ended: Callable[[], None]
    """The thread ends, for whatever reason. The last call."""


class EngineThread:
    """Steps ``core`` while it has work. What callers ask for comes through ``mailbox``, before each step.

    ``warm_up`` is called first; to a watchdog it is the first step.
    """

    def __init__(
        self,
        core: EngineCore,
        mailbox: Mailbox,
        retry_estimate: RetryEstimate,
        status: EngineStatus,
        callbacks: EngineThreadCallbacks,
        warm_up: Callable[[], None],
    ) -> None:
        self._core = core
        self._scheduler = core.scheduler
        self._mailbox = mailbox
        self._retry_estimate = retry_estimate
        self._callbacks = callbacks
        self._warm_up = warm_up
        self._submissions: dict[str, Submission] = {}  # what the scheduler holds
        self._status = status
        self._thread = threading.Thread(target=self._run, name="translate-engine", daemon=True)
        self.last_step_started: float | None = None
        """Start of the running step on the core's clock, in seconds; None between steps."""
        self.step_s = 0.0
        """Time that the finished steps took, in seconds."""

    def start(self) -> None:
        """Starts the thread. Call it once."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """It runs."""
        return self._thread.is_alive()

    def join(self, seconds: float | None = None) -> None:
        """Waits for its end, at most ``seconds``."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self.last_step_started = self._core.clock()
            self._warm_up()
            self.last_step_started = None
            self._callbacks.warm()
            self._step_until_stopped()
        except BaseException as error:  # nothing may end this thread silently
            # The message may quote a caller's data, so the log gets only the error's type and traceback.
            place = "".join(traceback.format_tb(error.__traceback__))
            _log.critical("the engine failed: %s\n%s", type(error).__name__, place)
            self._callbacks.failed(error)
        finally:
            self.last_step_started = None
            self._callbacks.ended()

    def _step_until_stopped(self) -> None:
        draining = False
        while not (draining and not self._submissions):
            mail = self._mailbox.take(wait=not self._scheduler.has_work)
            self._apply(mail)
            if mail.stop and not mail.drain:
                return
            draining = draining or mail.stop
            self._tell(self._step() if self._scheduler.has_work else [])

    def _apply(self, mail: Mail) -> None:
        for submission, is_submit in mail.commands:
            if is_submit:
                self._add(submission)
            else:
                self._abort(submission)
        for (submission, sequence), pieces in mail.grants.items():
            request_id = submission.request.request_id
            if self._submissions.get(request_id) is submission:
                self._scheduler.grant(request_id, sequence, pieces)
        self._mailbox.set_scheduler_waiting(self._scheduler.waiting_by_caller())

    def _add(self, submission: Submission) -> None:
        try:
            self._scheduler.add(submission.request)
        except Exception as error:  # ``validate`` could not know it; it fails this request alone
            failure = submission.failure_events(f"the scheduler refused the request ({type(error).__name__})")
            self._callbacks.events([(submission, event) for event in failure])
        else:
            self._submissions[submission.request.request_id] = submission

    def _abort(self, submission: Submission) -> None:
        request_id = submission.request.request_id
        if self._submissions.get(request_id) is submission:
            del self._submissions[request_id]
            self._scheduler.abort(request_id)

    def _step(self) -> EventBatch:
        admitted = self._scheduler.admitted_requests
        started_s = self.last_step_started = self._core.clock()
        events = self._core.step()
        self.step_s += self._core.clock() - started_s
        self.last_step_started = None
        waiting = self._scheduler.waiting_requests
        self._mailbox.set_scheduler_waiting(self._scheduler.waiting_by_caller())
        self._retry_estimate.observe(
            self._scheduler.admitted_requests - admitted, waiting, self._core.clock()
        )
        batch = [(self._submissions[event.request_id], event) for event in events]
        for event in events:
            if isinstance(event, RequestFinished):
                del self._submissions[event.request_id]
        return batch

    def _tell(self, batch: EventBatch) -> None:
        busy_slots, totals = len(self._scheduler.slot_owners), self._scheduler.totals
        if batch or (busy_slots, totals) != (self._status.busy_slots, self._status.totals):
            copied = dataclasses.replace(totals)
            self._status = dataclasses.replace(self._status, busy_slots=busy_slots, totals=copied)
            self._callbacks.stepped(self._status, batch)
