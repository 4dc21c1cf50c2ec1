"""A stream of the asynchronous client that continues at another server when it loses its own.

The file is a little long: it is one state machine, whose parts would share all of its state.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Sequence
from typing import Any

from translate_svc.client.aio.connection import open_call
from translate_svc.client.aio.stream_call import StreamCall
from translate_svc.client.options import ClientOptions
from translate_svc.client.resuming.attempts import MOVE_WITHIN, Attempts
from translate_svc.client.resuming.stream_state import CannotResume, StreamState
from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import (
    ClearInput,
    ClientMessage,
    Closed,
    GoAway,
    Opened,
    Progress,
    SessionEvent,
    StreamConfig,
)

_REFUSALS = Unavailable, ResourceExhausted
_log = logging.getLogger(__name__)


class ResumingConnection:
    """A ``StreamConnection`` of one call after the other.

    A task of its own writes the messages, so that a new server gets again what the old one had not committed,
    whether the program sends or not. Another task looks for a server; meanwhile reads and writes wait.
    """

    def __init__(self, stubs: Sequence[Any], config: StreamConfig, options: ClientOptions) -> None:
        """``stubs``: one for each server that may be asked."""
        self._stubs = deque(stubs)  # that of the present server first
        self._options = options
        self._state = StreamState(config, options.max_replay_bytes)
        self._call: StreamCall | None = None
        self._failure: TranslateSvcError | None = None
        self._is_closed = False
        self._ended_call: StreamCall | None = None
        self._events: deque[SessionEvent] = deque()
        self._unsent = asyncio.Event()
        self._changed = asyncio.Event()
        self._progressed = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._search: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()  # the present call is over
        self._limit: asyncio.Timeout | None = None  # that of the search
        self._refusal: TranslateSvcError | None = None  # the last one of the search
        self._move: asyncio.Task[None] | None = None

    @property
    def resumptions(self) -> tuple[float, ...]:
        """For each time the stream continued at another call: seconds without one."""
        return self._state.resumptions

    @property
    def done(self) -> bool:
        """Whether the stream has ended for good."""
        return self._is_closed or self._failure is not None

    async def open(self) -> Opened:
        """Opens the stream at the first server that takes it."""
        call, opened, server = await open_call(self._stubs, self._state.config, self._options)
        self._state.accept(opened)
        self._use(server, call)
        return opened

    async def write(self, message: ClientMessage) -> None:
        """Returns when the message was sent once, or the server has told the end, having heard all."""
        self._present()  # before it is open, nothing would send the message
        if self._failure is not None:
            raise self._failure
        entry = self._state.append(message)
        self._unsent.set()
        if isinstance(message, ClearInput) and self._state.is_replaying:
            self._lose(self._present(), Unavailable("cleared while the stream was resumed"))
        while self._state.messages.sent_number < entry.number and self._ended_call is None:
            if self.done:
                raise self._failure or TranslateSvcError("the stream was cancelled")
            self._changed.clear()
            await self._changed.wait()

    async def next_event(self) -> SessionEvent | None:
        """The next event that the program has not had."""
        while not self._events:
            if self._ended_call is not None:
                with contextlib.suppress(TranslateSvcError):
                    await self._ended_call.next_event()  # the status; there is nothing else to come
                return None
            call = self._present()
            try:
                event = await call.next_event()
                if event is None:
                    raise Unavailable("the server ended the call early")
            except TranslateSvcError as error:
                await self._recover(call, error)
                continue
            if call is self._call:
                self._take(call, event)
        return self._events.popleft()

    def cancel(self) -> None:
        """Ends the stream at once."""
        self._is_closed = True
        if self._call is not None:
            self._call.cancel()
        self._changed.set()

    async def release(self) -> None:
        """Ends the stream and its tasks."""
        self.cancel()
        tasks = [task for task in (self._writer, self._search, self._move) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.cancel()  # a search may have opened a call meanwhile
        # their tracebacks refer to this, which would keep the connection open until a collection
        self._writer = self._search = self._move = self._failure = self._refusal = None

    def _present(self) -> StreamCall:
        if self._call is None:
            raise RuntimeError("the stream is not open: `with`, or `async with`, opens it")
        return self._call

    def _take(self, call: StreamCall, event: SessionEvent) -> None:
        self._events.extend(self._state.accept(event))
        if isinstance(event, Closed):
            self._ended_call, self._is_closed = call, True
            self._changed.set()
        elif isinstance(event, Progress):
            self._progressed.set()
        elif isinstance(event, GoAway) and self._search is None:
            self._move = asyncio.create_task(self._move_away(call, event.deadline_ms / 1000))
        elif self._state.is_cut_off:
            self._start_search(call, Unavailable("the server has stopped hearing"))

    async def _write_messages(self, call: StreamCall) -> None:
        """Writes messages to ``call``, the present one, until another call takes its place."""
        try:
            while not self.done and not self._state.is_cut_off:
                entry = self._state.messages.next_unsent()
                if entry is None:
                    self._unsent.clear()
                    await self._unsent.wait()
                    continue
                await call.write(entry.message)
                if call is not self._call:
                    return
                self._state.messages.mark_sent(entry)
                self._changed.set()
        except TranslateSvcError as error:
            self._lose(call, error)

    def _use(self, server: int, call: StreamCall) -> None:
        """Makes ``call`` the present one. A write to the one before may never return, so its task ends."""
        self._stubs.rotate(-server)
        self._call = call
        self._lost.clear()
        if self._writer is not None:
            self._writer.cancel()
        self._writer = asyncio.create_task(self._write_messages(call))

    def _lose(self, call: StreamCall, error: TranslateSvcError) -> None:
        """``call`` ended with ``error``: looks for another server, unless that is under way or useless."""
        if call is not self._call or (self._lost.is_set() and self._search is not None):
            return
        is_useless = self.done or not (call.is_interrupted or isinstance(error, Unavailable))
        if is_useless and self._search is None:
            self._fail(error)
            return
        call.cancel()
        self._state.lose(error if call.has_failed else None)
        self._lost.set()
        self._limit_search()
        self._start_search(call, error)

    async def _recover(self, call: StreamCall, error: TranslateSvcError) -> None:
        """Waits until another call takes the place of ``call``, which ended with ``error``, or for events.

        Raises:
            TranslateSvcError: the stream cannot continue.
        """
        self._lose(call, error)
        del error  # raised below, it refers to this frame
        while self._search is not None and call is self._call and not self._events:
            self._changed.clear()
            await self._changed.wait()
        if self._failure is not None and not self._events:
            raise self._failure

    def _start_search(self, call: StreamCall, reason: TranslateSvcError) -> None:
        """Looks for a server that takes the place of ``call``, unless that is under way."""
        if self._search is None and call is self._call and not self.done:
            self._search = asyncio.create_task(self._find_server(call, reason))

    async def _find_server(self, call: StreamCall, reason: TranslateSvcError) -> None:
        """Makes another call the present one, or fails the stream. ``call`` serves until then if it can."""
        try:
            try:
                async with asyncio.timeout(None) as self._limit:
                    self._limit_search()
                    refusal = await self._ask_servers(call)
            except TimeoutError:
                refusal = self._refusal or reason
            finally:
                self._limit = None
            if refusal is not None:
                await self._lost.wait()  # what the server still delivers is not lost
                self._events.extend(self._state.give_back())
                self._fail(refusal)
        finally:
            self._search = self._refusal = None
            self._changed.set()

    def _limit_search(self) -> None:
        """The time for a search passes while no server serves the stream."""
        if self._limit is not None and self._lost.is_set():
            self._limit.reschedule(asyncio.get_running_loop().time() + self._options.resume_timeout_s)

    async def _ask_servers(self, call: StreamCall) -> TranslateSvcError | None:
        """Asks servers until one continues the stream, or the stream has ended.

        Returns:
            None then. If no server can continue, why. What one refuses for good (it has other keys, or
            another model) another may take, so all are asked once.
        """
        final: TranslateSvcError | None = None
        for pause_s, server in Attempts(len(self._stubs), 0):
            await asyncio.sleep(pause_s)
            if self.done:
                return None
            try:
                await self._go_on_at(server, call)
            except CannotResume as hopeless:
                return hopeless
            except _REFUSALS as refused:
                self._refusal = refused
                self._events.extend(self._state.warn_of_loss(self._options.resume_timeout_s, refused))
                self._changed.set()
            except TranslateSvcError as unfit:
                final = final or unfit
            else:
                return None
            if server == 0 and final is not None:  # it was the last of the round
                return final
        return final

    async def _go_on_at(self, server: int, lost: StreamCall) -> None:
        """Resumes the stream at ``server``; then ``lost`` ends.

        Raises:
            Unavailable, ResourceExhausted: not at this server, or not now.
            CannotResume: not at any.
            TranslateSvcError: not at this server.
        """
        plan = self._state.plan()
        call = StreamCall(self._stubs[server], self._options)
        try:
            opened = await call.open(plan.config, self._options.resume_attempt_s)
            if self.done or not self._state.is_current(plan):
                raise Unavailable("the program cleared the stream meanwhile, or it has ended")
        except BaseException as error:
            self._state.abandon_plan()
            call.cancel()
            if (
                call.is_interrupted
                and isinstance(error, TranslateSvcError)
                and not isinstance(error, _REFUSALS)
            ):
                raise Unavailable(error.description) from error
            raise
        self._events.extend(self._state.resumed(plan, opened))
        self._use(server, call)
        lost.cancel()
        gap_s = self._state.resumptions[-1]
        _log.info("a stream goes on at server %d after %.2f s, sample %d", server, gap_s, plan.position)

    async def _move_away(self, call: StreamCall, deadline_s: float) -> None:
        """Moves at the next commit point, or when part of the time has passed. ``call`` serves until then."""
        limit_s = MOVE_WITHIN * deadline_s
        self._progressed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._progressed.wait(), random.uniform(limit_s / 2, limit_s))
        self._start_search(call, Unavailable("the server is draining"))

    def _fail(self, error: TranslateSvcError) -> None:
        if self._failure is None:
            self._failure = error
        if self._call is not None:
            self._call.cancel()
        self._unsent.set()
        self._changed.set()
