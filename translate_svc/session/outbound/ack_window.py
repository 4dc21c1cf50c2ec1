"""How far a stream's responses may be ahead of the client's acknowledgements."""

from __future__ import annotations

import asyncio

from translate_svc.errors import InvalidArgument, StreamTimeout


class AckWindow:
    """Counts what the reader has taken against what the client says it has.

    It holds nobody up until the client acknowledges for the first time. From then on the reader waits while
    ``max_unacknowledged`` responses are out, and what it does not take stays bounded by the rules of the
    outbox. Three things end a wait: an acknowledgement, ``lift``, and ``timeout_s`` without either. The last
    one also serves a client whose acknowledgements stand behind so much audio that they are never read: its
    input waits for its results, and those for its acknowledgements.
    """

    def __init__(self, max_unacknowledged: int, timeout_s: float) -> None:
        self._max_unacknowledged = max_unacknowledged
        self._timeout_s = timeout_s
        self._taken = 0
        self._acknowledged: int | None = None
        self._lifted = False
        self._changed = asyncio.Event()

    @property
    def full(self) -> bool:
        """No further response may leave now."""
        if self._acknowledged is None or self._lifted:
            return False
        return self._taken - self._acknowledged >= self._max_unacknowledged

    def take(self) -> None:
        """One more response goes to the client: the one that bears this number, from 1 on."""
        self._taken += 1

    def acknowledge(self, seq: int) -> None:
        """The client has every response up to ``seq``; 0 asks for the window from the first one on.

        The same number twice is harmless.

        Raises:
            InvalidArgument: the number was never sent, or lies before one that was acknowledged.
        """
        if seq > self._taken:
            raise InvalidArgument(f"was not sent yet: the last one is {self._taken}", field="ack.seq")
        least = self._acknowledged or 0
        if seq < least:
            raise InvalidArgument(f"must not go back: {least} was the last one", field="ack.seq")
        self._acknowledged = seq
        self._changed.set()

    def lift(self) -> None:
        """No acknowledgement can come any more: the reader waits for none."""
        self._lifted = True
        self._changed.set()

    async def room(self) -> None:
        """Waits while the window is full.

        Raises:
            StreamTimeout: it has been full for ``timeout_s`` without a new acknowledgement.
        """
        while self.full:
            self._changed.clear()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._changed.wait()
            except TimeoutError:
                waited_s = self._timeout_s
                raise StreamTimeout(f"no ack came for {waited_s:g} s, and the window is full") from None
