"""One live stream: a reader task beside the writer of every call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from translate_svc.errors import StreamTimeout
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import EventSink, MessageSource, Session
from translate_svc.types import Closed, EndInput, SessionEvent


class StreamDriver(CallDriver):
    """Carries messages into a session and its events out, until either side is done.

    The input is bounded by the session: while ``receive`` waits nothing is read, and the transport's flow
    control holds the client.
    """

    def __init__(
        self, source: MessageSource, sink: EventSink, session: Session, options: CallOptions
    ) -> None:
        super().__init__(sink, session, options, last=Closed)
        self._source = source
        self._session = session
        self._ended = False
        self._listening = False
        self._waiting_since_s: float | None = None
        self._cut_off = False
        self._input = asyncio.timeout(None)

    def _helpers(self) -> list[Coroutine[Any, Any, None]]:
        return [self._read(), self._watch_silence(), *super()._helpers()]

    def _announce_leave(self, deadline_s: float) -> None:
        self._session.go_away(round(deadline_s * 1000))

    def _end_input(self) -> None:
        if self._listening:
            self._listening = False
            self._input.reschedule(self._clock())

    def _check(self, event: SessionEvent) -> None:
        # success would tell the client that all it said was heard
        if isinstance(event, Closed) and not event.complete and self._cut_off:
            raise self._departure()

    async def _read(self) -> None:
        """Takes what the client sends; ends the input at its end, or where the server has to leave."""
        try:
            async with self._input:
                self._listening = True
                await self._read_messages()
                self._listening = False
        except TimeoutError:
            self._cut_off = True
        await self._session.half_close()

    async def _read_messages(self) -> None:
        while True:
            self._waiting_since_s = None if self._ended else self._clock()
            message = await self._source.receive()
            self._waiting_since_s = None
            if message is None:
                # A client that vanished looks the same from here: its cancellation comes at a later await
                return
            await self._session.receive(message)
            self._ended = self._ended or isinstance(message, EndInput)

    async def _watch_silence(self) -> None:
        """Gives up a client that says nothing for too long. One timer for all messages: they are many."""
        limit_s = self._options.idle_timeout_s
        while True:
            since_s = self._waiting_since_s
            left_s = limit_s if since_s is None else since_s + limit_s - self._clock()
            if left_s <= 0:
                raise idle_timeout(limit_s)
            await asyncio.sleep(left_s)


def idle_timeout(waited_s: float) -> StreamTimeout:
    """The client was waited for in vain."""
    return StreamTimeout(f"no message came for {waited_s:g} s")
