"""The bridge to asyncio: one thread owns the device and steps; callers live on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import threading
import traceback
from collections.abc import Callable

from translate_svc.engine.core import EngineCore
from translate_svc.engine.delivery import Delivery, Submission
from translate_svc.engine.handle import ENGINE_LOST, Deliver, EngineStatus
from translate_svc.engine.mailbox import Mail, Mailbox
from translate_svc.engine.request import (
    EngineEvent,
    Request,
    RequestFinished,
    RequestQueued,
    RequestRefused,
)
from translate_svc.engine.retry_estimate import RetryEstimate
from translate_svc.engine.validation import ModelCapabilities, validate
from translate_svc.errors import EngineLost, ResourceExhausted, TranslateSvcError, Unavailable

_log = logging.getLogger(__name__)

_STEP_GRACE_S = 2.0
"""What a thread that was told to drop everything gets to finish the step it is in."""

Batch = list[tuple[Submission, EngineEvent]]


class AsyncEngine:
    """The ``EngineHandle`` of an engine in this process; see there for ``submit``, ``abort`` and ``grant``.

    All three may be called from any thread. They take effect between two steps, hence within one. Events are
    delivered on the loop that ``start`` was called on, a whole step's in one call, and the status with them.

    An exception of the core that is not confined to an item is fatal, DeviceLost above all: every request
    ends as FAILED, ``status.lost`` turns True, later ones are refused with EngineLost, and ``on_fatal`` is
    called on the loop. The process is then to be restarted.
    """

    def __init__(
        self,
        core: EngineCore,
        abilities: ModelCapabilities,
        *,
        on_fatal: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._core = core
        self._scheduler = core.scheduler
        self._limits = core.scheduler.limits
        self._abilities = abilities
        self._on_fatal = on_fatal
        self._delivery = Delivery(self._limits.max_live_requests)
        self._mailbox = Mailbox(self._limits.max_waiting_requests)
        self._retry = RetryEstimate()
        self._tickets: dict[str, Submission] = {}  # the engine thread's own view: what the scheduler holds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended = asyncio.Event()
        self._fatal = False
        self._posted = self._pushed = EngineStatus(
            max_live_requests=self._limits.max_live_requests, slots=self._limits.max_slots
        )
        self.last_step_started: float | None = None
        """The core's clock at the start of the running step; None between steps. For a watchdog."""

    # ---------------------------------------------------------------- life

    def start(self) -> None:
        """Starts the thread. To be called once, on the running event loop that events are wanted on."""
        if self._thread is not None:
            raise RuntimeError("an engine starts once")
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="translate-engine", daemon=True)
        self._delivery.accept()
        self._thread.start()

    @property
    def status(self) -> EngineStatus:
        """See ``EngineHandle.status``."""
        alive = self._thread is not None and self._thread.is_alive()
        return dataclasses.replace(
            self._pushed,
            healthy=alive and not self._fatal,
            lost=self._fatal,
            live_requests=len(self._delivery),
            waiting_requests=self._mailbox.line,
        )

    def abandon(self, reason: str) -> None:
        """Gives the engine up for lost, because its thread does not return from a step. On the loop.

        Every request ends as FAILED; whatever the thread may yet make is dropped.
        """
        if not self._fatal:
            self._fatal = True
            self._mailbox.stop(drain=False)
            _log.critical("the engine is given up: %s", reason)
            self._end_fatally(EngineLost(reason))

    @property
    def steps(self) -> int:
        """Steps finished so far. For a watchdog."""
        return self._scheduler.totals.steps

    async def stop(self, *, drain: bool, deadline_s: float) -> bool:
        """Takes no more requests and ends the thread; with ``drain``, once those taken are done. Idempotent.

        What is not done after ``deadline_s`` ends as FAILED. False: the thread hangs in a step and was left
        behind.
        """
        if self._thread is None:
            return True
        self._delivery.refuse(Unavailable("the engine is stopping"))
        self._mailbox.stop(drain)
        ended = await self._ends_within(deadline_s)
        if not ended and drain:
            self._mailbox.stop(drain=False)
            ended = await self._ends_within(_STEP_GRACE_S)
        self._delivery.fail_all(Unavailable("the engine has stopped"))
        if ended:
            self._thread.join()
        return ended

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    # ---------------------------------------------------------------- callers

    def submit(self, request: Request, deliver: Deliver) -> None:
        """See ``EngineHandle.submit``. After ``start`` only; ``samples`` must not be changed any more."""
        validate(request, self._limits, self._abilities, self._scheduler.tokenizer)
        ticket = self._delivery.open(request, deliver)
        if ticket is None:
            full = self._exhausted("the engine holds all the requests it can")
            self._refuse(request, deliver, self._delivery.refusal or full)
            return
        queued = RequestQueued(request.request_id)
        if not self._mailbox.submit(ticket, lambda: self._tell((ticket, queued))):
            self._delivery.close(request.request_id)
            self._refuse(request, deliver, self._exhausted("the waiting line is full"))

    def _refuse(self, request: Request, deliver: Deliver, error: TranslateSvcError) -> None:
        ticket = self._delivery.open_refused(request, deliver)
        self._tell((ticket, RequestRefused(request.request_id, error)))

    def _tell(self, *events: tuple[Submission, EngineEvent]) -> None:
        self._post(functools.partial(self._deliver, list(events)))

    def _exhausted(self, message: str) -> ResourceExhausted:
        return ResourceExhausted(message, retry_after_s=self._retry.seconds(self._mailbox.line))

    def abort(self, request_id: str) -> None:
        """See ``EngineHandle.abort``."""
        ticket = self._delivery.close(request_id)
        if ticket is not None:
            self._mailbox.abort(ticket)

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        """See ``EngineHandle.grant``."""
        ticket = self._delivery.find(request_id)
        if ticket is not None:
            self._mailbox.grant(ticket, sequence, pieces)

    # ---------------------------------------------------------------- on the loop

    def _take_turn(self, status: EngineStatus, batch: Batch) -> None:
        self._pushed = status
        self._deliver(batch)

    def _deliver(self, batch: Batch) -> None:
        for ticket in self._delivery.deliver(batch):
            self._mailbox.abort(ticket)

    def _end_fatally(self, error: BaseException) -> None:
        self._delivery.fail_all(EngineLost(ENGINE_LOST))
        if self._on_fatal is not None:
            self._on_fatal(error)

    # ---------------------------------------------------------------- on the engine's thread

    def _run(self) -> None:
        try:
            self._step_until_stopped()
        except BaseException as error:  # nothing may end this thread silently
            self._fatal = True
            # Messages may quote a caller's data: only the kind of error and the place are told.
            place = "".join(traceback.format_tb(error.__traceback__))
            _log.critical("the engine failed: %s\n%s", type(error).__name__, place)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                self._post(functools.partial(self._end_fatally, error))
        finally:
            self.last_step_started = None
            with contextlib.suppress(RuntimeError):
                self._post(self._ended.set)

    def _post(self, callback: Callable[[], None]) -> None:
        if self._loop is None:
            raise RuntimeError("the engine is not started")
        self._loop.call_soon_threadsafe(callback)

    def _step_until_stopped(self) -> None:
        draining = False
        while not (draining and not self._tickets):
            mail = self._mailbox.take(wait=not self._scheduler.has_work)
            self._apply(mail)
            if mail.stop and not mail.drain:
                return
            draining = draining or mail.stop
            self._push(self._step() if self._scheduler.has_work else [])

    def _apply(self, mail: Mail) -> None:
        for ticket, arrives in mail.arrivals:
            if arrives:
                self._add(ticket)
            else:
                self._drop(ticket)
        for (ticket, sequence), pieces in mail.grants.items():
            request_id = ticket.request.request_id
            if self._tickets.get(request_id) is ticket:
                self._scheduler.grant(request_id, sequence, pieces)
        self._mailbox.tell_line(self._scheduler.waiting_requests)

    def _add(self, ticket: Submission) -> None:
        try:
            self._scheduler.add(ticket.request)
        except Exception as error:  # what ``validate`` could not know; it ends this request and no other
            failure = ticket.failure(f"the scheduler refused it ({type(error).__name__})")
            self._tell(*((ticket, event) for event in failure))
        else:
            self._tickets[ticket.request.request_id] = ticket

    def _drop(self, ticket: Submission) -> None:
        request_id = ticket.request.request_id
        if self._tickets.get(request_id) is ticket:
            del self._tickets[request_id]
            self._scheduler.abort(request_id)

    def _step(self) -> Batch:
        admitted = self._scheduler.admitted_requests
        self.last_step_started = self._core.clock()
        events = self._core.step()
        self.last_step_started = None
        waiting = self._scheduler.waiting_requests
        self._mailbox.tell_line(waiting)
        self._retry.observe(self._scheduler.admitted_requests - admitted, waiting, self._core.clock())
        batch = [(self._tickets[event.request_id], event) for event in events]
        for event in events:
            if isinstance(event, RequestFinished):
                del self._tickets[event.request_id]
        return batch

    def _push(self, batch: Batch) -> None:
        """Hands a turn's events over, and the status after it where that has changed."""
        scheduler = self._scheduler
        busy_slots, totals = len(scheduler.slot_owners), scheduler.totals
        if batch or (busy_slots, totals) != (self._posted.busy_slots, self._posted.totals):
            copied = dataclasses.replace(totals)
            self._posted = dataclasses.replace(self._posted, busy_slots=busy_slots, totals=copied)
            self._post(functools.partial(self._take_turn, self._posted, batch))
