"""Limits how many responses of a stream may be unacknowledged."""

from __future__ import annotations

import asyncio

from translate_svc.errors import InvalidArgument, StreamTimeout


class AckWindow:
    """Counts responses sent to the client against those it has acknowledged.

    Before the first acknowledgement there is no limit. From then on the reader waits while
    ``max_unacknowledged`` responses are unacknowledged; the outbox bounds the events that wait meanwhile.
    An acknowledgement or ``lift`` ends a wait, and so does an error after ``timeout_s`` without either. The
    timeout also resolves a deadlock: acknowledgements queued behind so much audio that they are never read,
    because the input waits for results and the results wait for acknowledgements.
    """

    def __init__(self, max_unacknowledged: int, timeout_s: float) -> None:
        self._max_unacknowledged = max_unacknowledged
        self._timeout_s = timeout_s
        self._sent = 0
        self._acknowledged: int | None = None
        self._lifted = False
        self._changed = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether no further response may be sent now."""
        if self._acknowledged is None or self._lifted:
            return False
        return self._sent - self._acknowledged >= self._max_unacknowledged

    def record_sent(self) -> None:
        """Counts one more response to the client. Responses are numbered from 1."""
        self._sent += 1

    def acknowledge(self, seq: int) -> None:
        """The client has every response up to ``seq``. 0 only turns the window on.

        Repeating a number is allowed.

        Raises:
            InvalidArgument: ``seq`` was not sent yet, or is lower than the last acknowledgement.
        """
        if seq > self._sent:
            raise InvalidArgument(f"was not sent yet: the last one is {self._sent}", field="ack.seq")
        least = self._acknowledged or 0
        if seq < least:
            raise InvalidArgument(f"must not go back: {least} was the last one", field="ack.seq")
        self._acknowledged = seq
        self._changed.set()

    def lift(self) -> None:
        """Removes the limit: no acknowledgement can come any more."""
        self._lifted = True
        self._changed.set()

    async def wait_for_room(self) -> None:
        """Waits while the window is full.

        Raises:
            StreamTimeout: the window was full for ``timeout_s`` without a new acknowledgement.
        """
        while self.full:
            self._changed.clear()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._changed.wait()
            except TimeoutError:
                waited_s = self._timeout_s
                raise StreamTimeout(f"no ack came for {waited_s:g} s, and the window is full") from None
