"""One live stream: a ``CallDriver`` that reads messages as well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from translate_svc.errors import QuotaExceeded, StreamTimeout
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import EventSink, MessageSource, StreamSession
from translate_svc.session.quotas.token_bucket import TokenBucket
from translate_svc.types import AckInput, AudioInput, ClientMessage, Closed, EndInput, SessionEvent

_WEIGHTS: dict[type[ClientMessage], float] = {AudioInput: 0.05, AckInput: 0.1}
"""Of a message; all others weigh 1. A ``clear`` costs the server as much as 20 messages of audio."""
_WEIGHT_PER_S = 100.0
"""So 2,000 messages of audio: 40 times the pace of speech, in frames of 20 ms."""
_MAX_SAVED = 300.0
"""The largest burst after a pause. Audio that is decoded and not yet heard is bounded elsewhere."""
_LAST_WORDS_S = 35.0
"""How long people may take to hear the last words of a stream whose caller may send no more. Transports hold
about 30 s of speech.
"""


class StreamDriver(CallDriver):
    """Passes messages to a session and its events to the client, until either side ends the stream.

    The session bounds the input: while its ``receive`` waits, the driver reads nothing, and the transport's
    flow control stops the client.
    """

    def __init__(
        self,
        source: MessageSource,
        sink: EventSink,
        session: StreamSession,
        options: CallOptions,
        *,
        heard: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``heard``: waits until people have heard what the sink was sent, where it plays in real time. A
        drain leaves them that time before the deadline, and a caller's limit of audio ends the stream then.
        """
        super().__init__(sink, session, options, last=Closed)
        self._source = source
        self._heard = heard
        self._session = session
        self._ended = False
        self._reading = False
        self._waiting_since_s: float | None = None
        self._input_cut_off = False
        self._input_timeout = asyncio.timeout(None)
        self._pace = MessagePace()

    def _helpers(self) -> list[Coroutine[Any, Any, None]]:
        return [self._read(), self._watch_idle_time(), *super()._helpers()]

    def _announce_go_away(self, grace_s: float) -> None:
        self._session.go_away(round(grace_s * 1000))

    def _end_input(self) -> None:
        if self._reading:
            self._reading = False
            self._input_timeout.reschedule(self._clock())

    async def _check(self, event: SessionEvent) -> None:
        # an OK status would claim that the server read all of the client's audio
        if isinstance(event, Closed) and not event.complete and self._input_cut_off:
            if self._heard is not None:
                await self._heard()
            raise self._go_away_error()

    async def _read(self) -> None:
        """Reads messages until the client ends the input, or until ``_end_input``."""
        try:
            async with self._input_timeout:
                self._reading = True
                await self._read_messages()
                self._reading = False
        except TimeoutError:
            self._input_cut_off = True
        await self._session.half_close(cut_off=self._input_cut_off)

    async def _read_messages(self) -> None:
        while True:
            self._waiting_since_s = None if self._ended else self._clock()
            message = await self._source.receive()
            self._waiting_since_s = None
            if message is None:
                # a client that left looks the same here: its cancellation arrives at a later await
                return
            await self._pace.keep(message)
            try:
                await self._session.receive(message)
            except QuotaExceeded:
                await self._last_words()
                raise
            self._ended = self._ended or isinstance(message, EndInput)

    async def _last_words(self) -> None:
        """People hear what was translated. The client is not heard, but may leave and say what was played."""
        if self._heard is None:
            return
        if self._writing is not None:
            await asyncio.wait({self._writing})
        ignoring = asyncio.create_task(self._ignore())
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self._heard()
        finally:
            ignoring.cancel()
            await asyncio.gather(ignoring, return_exceptions=True)

    async def _ignore(self) -> None:
        while (message := await self._source.receive()) is not None:
            await self._pace.keep(message)

    async def _watch_idle_time(self) -> None:
        """Fails a stream whose client sends nothing for too long. One timer serves all messages: a timer for
        each would be costly.
        """
        limit_s = self._options.idle_timeout_s
        while True:
            since_s = self._waiting_since_s
            left_s = limit_s if since_s is None else since_s + limit_s - self._clock()
            if left_s <= 0:
                raise idle_timeout(limit_s)
            await asyncio.sleep(left_s)


def idle_timeout(waited_s: float) -> StreamTimeout:
    """The error of a stream whose client sent nothing for ``waited_s``."""
    return StreamTimeout(f"no message came for {waited_s:g} s")


class MessagePace:
    """A token bucket: a stream that sends too fast waits, and flow control holds its client."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._bucket = TokenBucket(_WEIGHT_PER_S, _MAX_SAVED, self._clock())

    async def keep(self, message: ClientMessage) -> None:
        """Waits until ``message`` may be handled."""
        now_s = self._clock()
        self._bucket.take(_WEIGHTS.get(type(message), 1.0), now_s)
        if wait_s := self._bucket.wait_s(0.0, now_s):
            await asyncio.sleep(wait_s)
