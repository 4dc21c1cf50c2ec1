"""How fast a client may send frames of a socket, and how often it may be wrong."""

from __future__ import annotations

import asyncio

from translate_svc.errors import PermissionDenied
from translate_svc.session.quotas.token_bucket import TokenBucket

FRAMES_PER_S, MAX_SAVED_FRAMES = 2_000.0, 6_000.0
"""Of a frame of any kind: 40 times the pace of speech, in frames of 20 ms; and the burst after a pause."""
ERRORS_PER_S, MAX_SAVED_ERRORS = 5.0, 100.0
"""Of messages that are answered by an error."""


class FramePace:
    """Two token buckets of one connection: one makes a hasty client wait, the other ends one that only errs.

    For every protocol over a socket, before anything reads a frame. ``MessagePace`` weighs what the messages
    of a stream cost the session.
    """

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        now_s = self._clock()
        self._frames = TokenBucket(FRAMES_PER_S, MAX_SAVED_FRAMES, now_s)
        self._errors = TokenBucket(ERRORS_PER_S, MAX_SAVED_ERRORS, now_s)

    async def keep(self) -> None:
        """Waits until the next frame may be handled; meanwhile flow control holds the client."""
        now_s = self._clock()
        self._frames.take(1.0, now_s)
        if wait_s := self._frames.wait_s(0.0, now_s):
            await asyncio.sleep(wait_s)

    def count_error(self) -> None:
        """Counts a message that is answered by an error.

        Raises:
            PermissionDenied: there were too many. The connection must end.
        """
        now_s = self._clock()
        if self._errors.level(now_s) < 1.0:
            raise PermissionDenied("too many messages of this connection were wrong")
        self._errors.take(1.0, now_s)
