"""A stream of the blocking client that goes on at another server when it loses its own."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from translate_svc import wire
from translate_svc.client.blocking.call_requests import CallRequests, open_call
from translate_svc.client.blocking.stream_call import StreamCall
from translate_svc.client.options import ClientOptions
from translate_svc.client.resuming.attempts import MOVE_WITHIN, Attempts
from translate_svc.client.resuming.stream_state import StreamState
from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import (
    ClearInput,
    ClientMessage,
    Closed,
    EndInput,
    GoAway,
    Opened,
    Progress,
    SessionEvent,
    StreamConfig,
)
from translate_svc.v1 import speech_translation_pb2 as pb

_MAX_UNSENT = 8
"""Messages that a program may be ahead of what gRPC has taken."""

_log = logging.getLogger(__name__)


class ResumingConnection:
    """A ``StreamConnection`` of one call after the other.

    The threads of gRPC take the messages of the present call, so that a new server gets again what the old
    one had not committed, whether the program sends or not. A thread of its own looks for a server; meanwhile
    reads and writes wait. One lock guards everything; no call is made while it is held.
    """

    def __init__(self, stubs: Sequence[Any], config: StreamConfig, options: ClientOptions) -> None:
        """``stubs``: one for each server that may be asked."""
        self._stubs = stubs
        self._options = options
        self._state = StreamState(config, options.max_replay_bytes)
        self._changed = threading.Condition()
        self._call: StreamCall | None = None
        self._requests: CallRequests | None = None
        self._server = 0
        self._failure: TranslateSvcError | None = None
        self._is_closed = False
        self._has_ended = False
        self._is_searching = False
        self._commits = 0
        self._events: deque[SessionEvent] = deque()

    @property
    def resumptions(self) -> tuple[float, ...]:
        """For each time the stream went on at another call: seconds without one."""
        return self._state.resumptions

    @property
    def done(self) -> bool:
        """Whether the stream has ended for good."""
        return self._is_closed or self._failure is not None

    def open(self) -> Opened:
        """Opens the stream at the first server that takes it. If none does, raises the last one's error."""
        for number in range(len(self._stubs)):
            try:
                call, requests, opened = self._ask(number, self._state.config, self._options.open_timeout_s)
            except (Unavailable, ResourceExhausted):
                if number == len(self._stubs) - 1:
                    raise
                continue
            with self._changed:
                self._state.accept(opened)
                self._use(number, call, requests)
            return opened
        raise Unavailable("there is no server to ask")

    def write(self, message: ClientMessage) -> None:
        """Returns when gRPC has taken the message, but for a few."""
        with self._changed:
            if self._failure is not None:
                raise self._failure
            entry = self._state.append(message)
            self._changed.notify_all()
            if isinstance(message, ClearInput) and self._state.is_replaying:
                self._start_search(self._present(), Unavailable("cleared while the stream was resumed"))
            while self._state.messages.sent_number < entry.number - _MAX_UNSENT:
                if self.done:
                    raise self._failure or TranslateSvcError("the stream was cancelled")
                call = self._present()
                if call.done and not self._is_searching:
                    self._lose(call, call.failure())
                else:
                    self._changed.wait()

    def next_event(self) -> SessionEvent | None:
        """The next event that the program has not had."""
        while True:
            with self._changed:
                if self._events:
                    return self._events.popleft()
                if self._has_ended:
                    return None
                call = self._present()
            try:
                event = call.next_event()
                if event is None:
                    raise Unavailable("the server ended the call early")
            except TranslateSvcError as error:
                with self._changed:
                    self._lose(call, error)
                    while self._is_searching and call is self._call:
                        self._changed.wait()
                    if self._failure is not None:
                        raise self._failure from None
                continue
            with self._changed:
                if call is not self._call:
                    continue
                is_cut_off = self._state.is_cut_off(event)
                if is_cut_off:
                    self._lose(call, Unavailable("the server has stopped hearing"))
                else:
                    self._take(call, event)
            if is_cut_off:
                call.cancel()

    def cancel(self) -> None:
        """Ends the stream at once."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            call = self._call
        if call is not None:
            call.cancel()

    def take_request(self, requests: CallRequests) -> pb.StreamingTranslateRequest | None:
        """The next message for the call of ``requests``; None at its end. Called by a thread of gRPC."""
        with self._changed:
            while not self.done and not requests.is_over:
                entry = self._state.messages.next_unsent() if requests is self._requests else None
                if entry is None:
                    self._changed.wait()
                    continue
                self._state.messages.mark_sent(entry)
                self._changed.notify_all()
                requests.is_over = isinstance(entry.message, EndInput)
                return wire.encode_request(entry.message)
            return None

    def end_requests(self, requests: CallRequests) -> None:
        """The call of ``requests`` has ended."""
        with self._changed:
            requests.is_over = True
            self._changed.notify_all()

    # ------------------------------------------------------------------ with the lock held

    def _present(self) -> StreamCall:
        if self._call is None:
            raise RuntimeError("the stream is not open: use it as `with`")
        return self._call

    def _use(self, server: int, call: StreamCall, requests: CallRequests) -> None:
        self._server, self._call, self._requests = server, call, requests
        self._changed.notify_all()

    def _take(self, call: StreamCall, event: SessionEvent) -> None:
        self._events.extend(self._state.accept(event))
        if isinstance(event, Closed):
            self._has_ended = self._is_closed = True
            self._changed.notify_all()
        elif isinstance(event, Progress):
            self._commits += 1
            self._changed.notify_all()
        elif isinstance(event, GoAway) and not self._is_searching:
            _start(self._move_away, call, event.deadline_ms / 1000)

    def _lose(self, call: StreamCall, error: TranslateSvcError) -> None:
        """``call`` ended with ``error``: looks for another server, unless that is under way or useless."""
        if call is not self._call or self._is_searching:
            return
        if self.done or not (call.is_interrupted or isinstance(error, Unavailable)):
            self._fail(error)
        else:
            self._start_search(call, error)

    def _start_search(self, lost: StreamCall, reason: TranslateSvcError) -> None:
        if not self._is_searching:
            self._is_searching = True
            self._state.lose()
            _start(self._find_server, lost, reason)

    def _fail(self, error: TranslateSvcError) -> None:
        self._failure = self._failure or error
        self._changed.notify_all()

    # ------------------------------------------------------------------ threads that look for a server

    def _find_server(self, lost: StreamCall, reason: TranslateSvcError) -> None:
        """Makes another call the present one, or fails the stream."""
        lost.cancel()
        error = self._search(lost, time.monotonic() + self._options.resume_timeout_s)
        self._end_search(reason if isinstance(error, TimeoutError) else error)

    def _end_search(self, error: TranslateSvcError | None) -> None:
        with self._changed:
            self._is_searching = False
            if error is not None:
                self._fail(error)
            self._changed.notify_all()

    def _search(self, lost: StreamCall, until_s: float) -> TranslateSvcError | TimeoutError | None:
        """Asks servers until one goes on with the stream. Returns why none does, else None."""
        error: TranslateSvcError | TimeoutError = TimeoutError()
        for pause_s, server in Attempts(len(self._stubs), self._server):
            if time.monotonic() + pause_s > until_s:
                return error
            with self._changed:
                if self._changed.wait_for(lambda: self.done, pause_s):
                    return TranslateSvcError("the stream was cancelled")
            try:
                self._go_on_at(server, lost)
            except TranslateSvcError as refused:
                if type(refused) not in (Unavailable, ResourceExhausted):
                    return refused
                error = refused
            else:
                return None
        return error

    def _go_on_at(self, server: int, lost: StreamCall) -> None:
        """Resumes the stream at ``server``; then ``lost`` ends.

        Raises:
            Unavailable, ResourceExhausted: not at this server, or not now.
            CannotResume, TranslateSvcError: not at any.
        """
        with self._changed:
            plan = self._state.plan()
        try:
            call, requests, opened = self._ask(server, plan.config, self._options.resume_attempt_s)
        except BaseException:
            with self._changed:
                self._state.abandon_plan()
            raise
        with self._changed:
            is_current = self._state.is_current(plan) and not self.done
            if is_current:
                self._events.extend(self._state.resumed(plan, opened))
                self._use(server, call, requests)
            else:
                self._state.abandon_plan()
        (lost if is_current else call).cancel()
        if not is_current:
            raise Unavailable("the program cleared or ended the stream meanwhile")
        gap_s = self._state.resumptions[-1]
        _log.info("a stream goes on at server %d after %.2f s, sample %d", server, gap_s, plan.position)

    def _ask(
        self, server: int, config: StreamConfig, timeout_s: float
    ) -> tuple[StreamCall, CallRequests, Opened]:
        requests = CallRequests(self, config)
        call, opened = open_call(self._stubs[server], requests, self._options, timeout_s)
        return call, requests, opened

    def _move_away(self, call: StreamCall, deadline_s: float) -> None:
        """Moves at the next commit point, or when part of the time has passed. ``call`` serves until then."""
        limit_s = MOVE_WITHIN * deadline_s
        with self._changed:
            until_s, commits = time.monotonic() + limit_s, self._commits
            self._changed.wait_for(
                lambda: self._commits > commits or self.done or call is not self._call,
                random.uniform(limit_s / 2, limit_s),
            )
            if self.done or call is not self._call or self._is_searching:
                return
            self._is_searching = True
        error = self._search(call, until_s)
        if isinstance(error, TimeoutError | ResourceExhausted) or type(error) is Unavailable:
            with self._changed:
                self._state.lose()
            self._find_server(call, Unavailable("the server is draining"))
        else:
            self._end_search(error)


def _start(target: Any, *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()
