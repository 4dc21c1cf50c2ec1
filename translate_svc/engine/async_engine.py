"""The asyncio front of the engine: one thread owns the device, callers use an event loop."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable

from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import RequestQueued, RequestRefused
from translate_svc.engine.field_kinds import check_kind
from translate_svc.engine.handle import ENGINE_LOST, Deliver, EngineStatus
from translate_svc.engine.request import Request
from translate_svc.engine.stats import RetryEstimate
from translate_svc.engine.thread.delivery import Delivery
from translate_svc.engine.thread.engine_thread import EngineThread, EngineThreadCallbacks, EventBatch
from translate_svc.engine.thread.mailbox import Mailbox
from translate_svc.engine.validation import ModelCapabilities, validate
from translate_svc.errors import EngineLost, ResourceExhausted, TranslateSvcError, Unavailable

_log = logging.getLogger(__name__)

_STEP_GRACE_S = 2.0
"""How long the thread may still work on its current step after it was told to drop everything."""

_EXIT_GRACE_S = 10.0
"""How long the end of a program that did not stop its engine waits for the current step."""


class AsyncEngine:
    """The ``EngineHandle`` of an engine in this process.

    ``submit``, ``abort`` and ``grant`` may be called from any thread. They take effect before the next step.
    Events are delivered on the loop that ``start`` was called on: all events of a step in one call, together
    with the status.

    An exception of the core that does not belong to a single item is fatal, for example DeviceLost. Then
    ``status.lost`` turns True, later requests are refused with EngineLost, ``on_fatal`` is called on the
    loop, and every request that is left ends as FAILED: who owns one can end it before, with the true reason.
    The process must then be restarted.

    ``warm_up`` is the first that the thread does. Until it is done, requests wait, and ``status.healthy`` is
    False.
    """

    def __init__(
        self,
        core: EngineCore,
        capabilities: ModelCapabilities,
        *,
        on_fatal: Callable[[BaseException], None] | None = None,
        warm_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._scheduler = core.scheduler
        self._limits = core.scheduler.limits
        self._capabilities = capabilities
        self._on_fatal = on_fatal
        self._delivery = Delivery(self._limits.max_live_requests)
        self._mailbox = Mailbox(self._limits.max_waiting_requests)
        self._retry_estimate = RetryEstimate()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended, self._warm_or_lost = asyncio.Event(), asyncio.Event()
        self._fatal = self._warm = False
        self._pushed = EngineStatus(
            max_live_requests=self._limits.max_live_requests, slots=self._limits.max_slots
        )
        callbacks = EngineThreadCallbacks(
            self._post_events, self._post_step, self._post_warm, self._post_failure, self._post_end
        )
        self._thread = EngineThread(
            core, self._mailbox, self._retry_estimate, self._pushed, callbacks, warm_up
        )

    # ---------------------------------------------------------------- life

    def start(self) -> None:
        """Starts the thread. Call it once, on the running event loop that is to receive the events."""
        if self._loop is not None:
            raise RuntimeError("an engine starts once")
        self._loop = asyncio.get_running_loop()
        self._delivery.accept()
        self._thread.start()
        atexit.register(self._end_with_program)

    @property
    def status(self) -> EngineStatus:
        """The status last pushed, with the current counts of submissions."""
        return dataclasses.replace(
            self._pushed,
            healthy=self._warm and self._thread.alive and not self._fatal,
            lost=self._fatal,
            live_requests=len(self._delivery),
            waiting_requests=self._mailbox.waiting_requests,
        )

    async def warmed_up(self) -> None:
        """Waits until the thread has warmed up, or the engine is lost. Call it on the loop."""
        await self._warm_or_lost.wait()

    def abandon(self, reason: str) -> None:
        """Declares the engine lost because its thread does not return from a step. Call it on the loop.

        Every request ends as FAILED. Results that the thread may still produce are dropped.
        """
        if not self._fatal:
            self._fatal = True
            self._mailbox.stop(drain=False)
            _log.critical("the engine is given up: %s", reason)
            self._end_fatally(EngineLost(reason))

    @property
    def steps(self) -> int:
        """Number of finished steps. For a watchdog."""
        return self._scheduler.totals.steps

    @property
    def last_step_started(self) -> float | None:
        """Start of the running step on the core's clock, in seconds; None between steps. For a watchdog."""
        return self._thread.last_step_started

    @property
    def step_s(self) -> float:
        """Time that the finished steps took, in seconds. For a watchdog."""
        return self._thread.step_s

    async def stop(self, *, drain: bool, deadline_s: float) -> bool:
        """Refuses new requests and ends the thread. Idempotent.

        With ``drain`` the thread first finishes the accepted requests. Requests that are not finished after
        ``deadline_s`` seconds end as FAILED. Returns False when the thread hangs in a step and was left
        running.
        """
        if self._loop is None:
            return True
        atexit.unregister(self._end_with_program)
        self._delivery.refuse(Unavailable("the engine is stopping"))
        self._mailbox.stop(drain)
        ended = await self._wait_ended(deadline_s)
        if not ended and drain:
            self._mailbox.stop(drain=False)
            ended = await self._wait_ended(_STEP_GRACE_S)
        self._delivery.fail_all(Unavailable("the engine has stopped"))
        if ended:
            self._thread.join()
        return ended

    def _end_with_program(self) -> None:
        """The interpreter ends threads that still compute, and the libraries in them then abort the process.
        In a forked process the thread is not there.
        """
        if self._thread.alive:
            self._mailbox.stop(drain=False)
            self._thread.join(_EXIT_GRACE_S)

    async def _wait_ended(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    # ---------------------------------------------------------------- callers

    def submit(self, request: Request, deliver: Deliver) -> None:
        """Implements ``EngineHandle.submit``. Call ``start`` first.

        The caller must not change the samples of ``request`` afterwards.

        Raises:
            InvalidArgument: the request can never run, or its id is in use.
            RuntimeError: the engine is not started.
        """
        validate(request, self._limits, self._capabilities, self._scheduler.tokenizer)
        submission = self._delivery.open(request, deliver)
        if submission is None:
            full = self._exhausted("the engine has reached its limit of live requests")
            self._refuse(request, deliver, self._delivery.refusal or full)
            return
        queued = RequestQueued(request.request_id)
        if not self._mailbox.submit(submission, lambda: self._post_events([(submission, queued)])):
            self._delivery.close(request.request_id)
            self._refuse(request, deliver, self._exhausted("the waiting queue is full"))

    def _refuse(self, request: Request, deliver: Deliver, error: TranslateSvcError) -> None:
        submission = self._delivery.open_refused(request, deliver)
        self._post_events([(submission, RequestRefused(request.request_id, error))])

    def _exhausted(self, message: str) -> ResourceExhausted:
        return ResourceExhausted(
            message, retry_after_s=self._retry_estimate.seconds(self._mailbox.waiting_requests)
        )

    def abort(self, request_id: str) -> None:
        """Implements ``EngineHandle.abort``."""
        submission = self._delivery.close(request_id)
        if submission is not None:
            self._mailbox.abort(submission)

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        """Implements ``EngineHandle.grant``.

        Raises:
            InvalidArgument: ``sequence`` or ``pieces`` is no whole number.
        """
        check_kind(sequence, int, "sequence")
        check_kind(pieces, int, "pieces")
        submission = self._delivery.find(request_id)
        if submission is not None:
            self._mailbox.grant(submission, sequence, pieces)

    # ---------------------------------------------------------------- on the loop

    def _deliver_step(self, status: EngineStatus, batch: EventBatch) -> None:
        self._pushed = status
        self._deliver(batch)

    def _deliver(self, batch: EventBatch) -> None:
        for submission in self._delivery.deliver(batch):
            self._mailbox.abort(submission)

    def _become_warm(self) -> None:
        self._warm = True
        self._warm_or_lost.set()

    def _end_fatally(self, error: BaseException) -> None:
        self._warm_or_lost.set()
        self._delivery.refuse(EngineLost(ENGINE_LOST))
        if self._on_fatal is not None:
            self._on_fatal(error)
        self._delivery.fail_all(EngineLost(ENGINE_LOST))

    # ---------------------------------------------------------------- on the engine's thread

    def _post_step(self, status: EngineStatus, batch: EventBatch) -> None:
        try:
            self._post(functools.partial(self._deliver_step, status, batch))
        except RuntimeError:  # the loop is closed: nobody receives anything, so nothing is left to do
            self._mailbox.stop(drain=False)

    def _post_warm(self) -> None:
        self._post(self._become_warm)

    def _post_failure(self, error: BaseException) -> None:
        self._fatal = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody receives it
            self._post(functools.partial(self._end_fatally, error))

    def _post_end(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._post(self._ended.set)

    # ---------------------------------------------------------------- from any thread

    def _post_events(self, batch: EventBatch) -> None:
        self._post(functools.partial(self._deliver, batch))

    def _post(self, callback: Callable[[], None]) -> None:
        if self._loop is None:
            raise RuntimeError("the engine is not started")
        self._loop.call_soon_threadsafe(callback)
