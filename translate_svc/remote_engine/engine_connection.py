"""The connection to the engine's process, in a front process."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from translate_svc.errors import Unavailable
from translate_svc.remote_engine.admission_messages import AdmissionAnswers
from translate_svc.remote_engine.link import Link
from translate_svc.remote_engine.messages import (
    AcquireStream,
    Drain,
    Goodbye,
    Hello,
    Overview,
    Report,
    Step,
    StreamLeased,
    ToEngine,
    ToFront,
    Welcome,
    schema_digest,
)
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.remote_engine.remote_admission import RemoteAdmission
from translate_svc.remote_engine.remote_engine import RemoteEngine
from translate_svc.remote_engine.silence import Silence
from translate_svc.session.capacity.front_peers import FrontPeers

_ANSWER_TIMEOUT_S = 30.0
_FAREWELL_TIMEOUT_S = 2.0
_LOOKS_A_TIMEOUT = 8


class EngineConnection:
    """Connects a front process to the engine. Use ``EngineConnection.open``."""

    def __init__(
        self, options: ConnectionOptions, on_lost: Callable[[BaseException], None] | None, schema: str
    ) -> None:
        self._options = options
        self._on_lost = on_lost
        self._link: Link[ToFront] = Link(ToFront, self._take, self._handle)
        self._opening: list[ToEngine] = [Hello(schema, os.getpid())]
        self._answered: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self._released = asyncio.Event()
        self._engine: RemoteEngine | None = None
        self._report: Callable[[], Report] | None = None
        self._report_due = False
        self._acquiring: deque[AcquireStream] = deque()
        self._silence = Silence()
        self._silence_timeout_s = options.engine_silence_timeout_s
        self.admission = RemoteAdmission(self._link.wake, options.answer_timeout_s)
        """Asks whether streams and calls may open."""
        self.peers = FrontPeers(self.admission)
        """What this process knows of the other front processes of its server."""
        self.on_stream_leased: Callable[[str, str, str], None] = lambda stream_id, holder, asked_by: None
        """Called with the fields of each ``StreamLeased`` that comes."""
        self.drains: asyncio.Queue[float] = asyncio.Queue()
        """The grace, in seconds, of each ``Drain`` that has come."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: str,
        options: ConnectionOptions = ConnectionOptions(),  # noqa: B008 - frozen
        on_lost: Callable[[BaseException], None] | None = None,
        schema: str = "",
    ) -> AsyncIterator[EngineConnection]:
        """Connects, and says goodbye on exit.

        Args:
            path: where the engine's process waits.
            options: how often to report.
            on_lost: called when the engine is lost, or its process is gone: before requests fail, see
                ``RemoteEngine.lose``.
            schema: another schema than that of this code.

        Raises:
            Unavailable: the engine's process does not answer, or runs other code.
        """
        connection = cls(options, on_lost, schema or schema_digest())
        connection._link.connect(path)
        running = asyncio.create_task(connection._run())
        reporting = asyncio.create_task(connection._report_regularly())
        try:
            connection._link.wake()
            connection.welcome = await connection._answer()
            yield connection
            await connection._say_goodbye()
        finally:
            reporting.cancel()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            connection._link.close()

    welcome: Welcome
    """The engine's answer."""

    @property
    def engine(self) -> RemoteEngine:
        """The engine's handle."""
        assert self._engine is not None, "known once the engine has answered"
        return self._engine

    def report_with(self, report: Callable[[], Report]) -> None:
        """Calls ``report`` for each report from now on."""
        self._report = report
        self.hurry()

    def acquire(self, stream_id: str, token: int, session_id: str) -> None:
        """Asks for the lease of a stream; earlier reports go first."""
        self._acquiring.append(AcquireStream(stream_id, token, session_id))
        self._link.wake()

    def hurry(self) -> None:
        """Reports in this turn of the event loop."""
        self._report_due = self._report is not None
        self._link.wake()

    async def fall_silent(self) -> None:
        """Returns when the engine's process has been silent for too long. The engine is lost then.

        It is the event loop of that process that speaks, whatever the engine's thread computes.
        """
        look_s = min(self._silence_timeout_s, self._options.answer_timeout_s) / _LOOKS_A_TIMEOUT
        silent_s = 0.0
        while silent_s <= self._silence_timeout_s:
            await asyncio.sleep(look_s)
            silent_s = self._silence.after(look_s)
        self._lose(f"the engine's process has said nothing for {self._silence_timeout_s:g} s")

    def expect_drain(self, within_s: float) -> None:
        """The engine's process was told to leave: if it stays silent for ``within_s``, or for as long as an
        answer may take, it will not.
        """
        within_s = max(within_s, self._options.answer_timeout_s)
        self._silence_timeout_s = min(self._silence_timeout_s, within_s)

    async def _answer(self) -> Welcome:
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                return await self._answered
        except TimeoutError:
            raise Unavailable("the engine's process does not answer") from None

    async def _run(self) -> None:
        try:
            await self._link.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._lose(f"the connection failed ({type(error).__name__})")
        else:
            self._lose("the engine's process has gone")

    def _lose(self, reason: str) -> None:
        if not self._answered.done():
            self._answered.set_exception(Unavailable(reason))
        self.admission.lose()
        if self._engine is not None:
            self._engine.lose(reason)
        self._released.set()

    async def _report_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._options.report_interval_s)
            self.admission.give_back()
            self.hurry()

    async def _say_goodbye(self) -> None:
        """Sends the remaining messages, and waits until the engine's process has it."""
        self.hurry()
        self._opening.append(Goodbye())
        self._link.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_TIMEOUT_S):
                await self._released.wait()

    def _handle(self, message: ToFront) -> None:
        self._silence.end()
        match message:
            case Step():
                self.engine.receive(message)
            case StreamLeased():
                self.on_stream_leased(message.stream_id, message.holder, message.asked_by)
            case AdmissionAnswers():
                self.admission.receive(message)
            case Overview():
                self.admission.admitted = message.state.admitted
                self.admission.rejected = message.state.rejected
                self.peers.state = message.state
                self.engine.push(message.status)
            case Drain():
                self.drains.put_nowait(message.grace_s)
            case Welcome():
                self._engine = RemoteEngine(
                    message.status, message.max_unanswered, self._link.wake, self._on_lost
                )
                self._answered.set_result(message)
            case Goodbye():
                self._released.set()
                if not self._answered.done():
                    self._answered.set_exception(Unavailable(message.reason))

    def _take(self) -> ToEngine | None:
        if self._opening and not isinstance(self._opening[0], Goodbye):
            return self._opening.pop(0)
        if self._acquiring:  # before a report, which names the session
            return self._acquiring.popleft()
        if (asked := self.admission.take()) is not None:
            return asked
        if self._engine is not None and (commands := self._engine.take()) is not None:
            return commands
        if self._report_due and self._report is not None:
            self._report_due = False
            return self._report()
        return self._opening.pop(0) if self._opening else None
