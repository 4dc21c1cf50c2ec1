"""The data channel of a call: events as JSON texts, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiortc import RTCDataChannel

from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.web_socket import EventTexts, WireEvent

_LOW_PART = 4


class EventChannel:
    """Sends events while the client reads them, and hands over its messages."""

    def __init__(
        self, options: GatewayOptions, take: Callable[[str | bytes], None], leave: Callable[[], None]
    ) -> None:
        """``take`` is called with each message of the client, ``leave`` when its channel has closed."""
        self._options = options
        self._take = take
        self._leave = leave
        self._texts = EventTexts()
        self._channel: RTCDataChannel | None = None
        self._sent = asyncio.Event()
        self.opened = asyncio.Event()
        """Set when the channel is open."""
        self.bytes_out = 0
        """Size of all events so far."""

    def attach(self, channel: RTCDataChannel) -> None:
        """Uses the client's data channel, which is open."""
        self._channel = channel
        channel.bufferedAmountLowThreshold = self._options.send_buffer_bytes // _LOW_PART
        channel.on("message", self._take)
        channel.on("bufferedamountlow", self._sent.set)
        channel.on("close", self._leave)
        self.opened.set()

    async def send(self, event: WireEvent) -> None:
        """Sends an event, and waits while too much is unsent. Never returns once the channel has closed."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            self._leave()
            await asyncio.Event().wait()
        assert channel is not None, "the call is connected"
        text = self._texts.text(event)
        self.bytes_out += len(text)
        channel.send(text)
        while channel.bufferedAmount > self._options.send_buffer_bytes:
            self._sent.clear()
            await self._sent.wait()
