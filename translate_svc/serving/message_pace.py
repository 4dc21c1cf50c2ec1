"""How fast a stream may send messages. Speech needs far less; a flood would slow others down."""

from __future__ import annotations

import asyncio

from translate_svc.session.quotas.token_bucket import TokenBucket
from translate_svc.types import AckInput, AudioInput, ClientMessage

_WEIGHTS: dict[type[ClientMessage], float] = {AudioInput: 0.05, AckInput: 0.1}
"""Of a message; all others weigh 1. A ``clear`` costs the server as much as 20 messages of audio."""
_WEIGHT_PER_S = 100.0
"""So 2,000 messages of audio: 40 times the pace of speech, in frames of 20 ms."""
_MAX_SAVED = 300.0
"""The largest burst after a pause. Audio that is decoded and not yet heard is bounded elsewhere."""


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
