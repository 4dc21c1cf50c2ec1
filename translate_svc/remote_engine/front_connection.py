"""The connection to one front process, on the engine's side."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable

from translate_svc.engine.handle import EngineHandle
from translate_svc.remote_engine.admission_messages import AdmissionAnswers, AdmissionCommands
from translate_svc.remote_engine.link import Link
from translate_svc.remote_engine.messages import (
    AcquireStream,
    Commands,
    Drain,
    Goodbye,
    Hello,
    Overview,
    Report,
    StreamLeased,
    ToEngine,
    ToFront,
    Welcome,
    schema_digest,
)
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.remote_engine.request_relay import RequestRelay
from translate_svc.remote_engine.silence import Silence

_LOOKS_A_TIMEOUT = 8
_REPEAT_S = 1.0
_log = logging.getLogger(__name__)


class FrontConnection:
    """Serves the engine to one front process, from its ``Hello`` to its end.

    Every request of the process is aborted when the connection ends, however it does.
    """

    def __init__(
        self,
        engine: EngineHandle,
        welcome: Callable[[], Welcome],
        on_report: Callable[[Report], None],
        on_acquire: Callable[[AcquireStream], None],
        on_admission: Callable[[AdmissionCommands], AdmissionAnswers],
        options: ConnectionOptions,
    ) -> None:
        """``welcome`` makes the answer to ``Hello``. ``on_report`` and ``on_acquire`` are called with each
        message of theirs; ``on_admission`` answers.
        """
        self._welcome = welcome
        self._on_report = on_report
        self._on_acquire = on_acquire
        self._on_admission = on_admission
        self._options = options
        self._answers: deque[Welcome | Goodbye] = deque()
        self._drains: deque[Drain] = deque()
        self._leased: deque[StreamLeased] = deque()
        self._admissions: deque[AdmissionAnswers] = deque()
        self._overview: Overview | None = None
        self._sent_overview: Overview | None = None
        self._link: Link[ToEngine] = Link(ToEngine, self._take, self._handle)
        self._relay = RequestRelay(engine, self._link.wake)
        self._sent_overview_s = 0.0
        self._silence = Silence()
        self._serves = False
        self.is_welcome = False
        """Whether it runs the same code and knows the engine."""

    @property
    def open_requests(self) -> int:
        """Requests of the front process that the engine has not ended."""
        return self._relay.open_requests

    def bind(self, path: str) -> None:
        """Waits for the front process at a path."""
        self._link.bind(path)

    def drain(self, grace_s: float) -> None:
        """Asks the front process to leave. Again with a shorter time: sooner."""
        self._drains.append(Drain(grace_s))
        self._link.wake()

    def answer(self, leased: StreamLeased) -> None:
        """Tells the front process who has a stream."""
        self._leased.append(leased)
        self._link.wake()

    def offer(self, overview: Overview) -> None:
        """Sends an overview. A newer one replaces one that waits; the same one is sent again each second, so
        that this process is not silent.
        """
        is_due = time.monotonic() - self._sent_overview_s >= _REPEAT_S
        if self.is_welcome and (is_due or overview != self._sent_overview):
            self._overview = overview
            self._link.wake()

    async def run(self) -> str:
        """Serves until the front process has gone, or should be ended because it hangs. Returns why."""
        watching = asyncio.create_task(self._watch())
        running = asyncio.create_task(self._link.run())
        try:
            await asyncio.wait({watching, running}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                return watching.result()
            if (error := running.exception()) is not None:
                _log.error("a front process broke the protocol (%s)", type(error).__name__)
                return "it broke the protocol"
            return "it has ended"
        finally:
            for task in (watching, running):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await running
            self._relay.close()
            self._link.close()

    async def _watch(self) -> str:
        """Returns why the front process counts as hung, once it does."""
        options = self._options
        while True:
            limit_s = options.silence_timeout_s if self._serves else options.start_timeout_s
            look_s = min(limit_s, options.silence_timeout_s) / _LOOKS_A_TIMEOUT
            await asyncio.sleep(look_s)
            if self._relay.unsent_bytes > options.max_unsent_bytes:
                return f"it leaves more than {options.max_unsent_bytes} bytes unread"
            if self._silence.after(look_s) > limit_s:
                return f"it has said nothing for {limit_s:g} s"

    def _handle(self, message: ToEngine) -> None:
        self._silence.end()
        match message:
            case Commands():
                self._relay.receive(message)
            case Report():
                self._serves = True
                self._on_report(message)
            case AcquireStream():
                self._on_acquire(message)
            case AdmissionCommands():
                if (answers := self._on_admission(message)).answers:
                    self._admissions.append(answers)
                    self._link.wake()
            case Hello():
                self.is_welcome = message.schema == schema_digest()
                reason = "it runs other code than the engine's process: restart the whole server"
                self._answer(self._welcome() if self.is_welcome else Goodbye(reason))
            case Goodbye():
                self._answer(Goodbye())

    def _answer(self, message: Welcome | Goodbye) -> None:
        self._answers.append(message)
        self._link.wake()

    def _take(self) -> ToFront | None:
        """Results and losses go before the order to leave."""
        if self._answers:
            return self._answers.popleft()
        if self._leased:
            return self._leased.popleft()
        if self._admissions:
            return self._admissions.popleft()
        if (step := self._relay.take()) is not None:
            return step
        if self._overview is not None:
            self._sent_overview, self._overview = self._overview, None
            self._sent_overview_s = time.monotonic()
            return self._sent_overview
        return self._drains.popleft() if self._drains else None
