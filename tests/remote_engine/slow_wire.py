"""A ``RemoteEngine`` and its ``RequestRelay``, joined by messages that take their time. For virtual time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator

import msgspec

from translate_svc.engine.handle import EngineHandle
from translate_svc.remote_engine.codec import Decoder, Encoder
from translate_svc.remote_engine.messages import Commands, Step, ToEngine, ToFront
from translate_svc.remote_engine.remote_engine import RemoteEngine
from translate_svc.remote_engine.request_relay import RequestRelay


class _OneWay:
    """Carries messages in order. Each takes as long as ``delays`` says, and one is on its way at a time."""

    def __init__(
        self,
        take: Callable[[], msgspec.Struct | None],
        receive: Callable[[bytes], None],
        delays: Iterator[float],
    ) -> None:
        self._take, self._receive, self._delays = take, receive, delays
        self._busy = False
        self.messages = 0

    def wake(self) -> None:
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_later(next(self._delays), self._carry)

    def _carry(self) -> None:
        self._busy = False
        message = self._take()
        if message is not None:
            self.messages += 1
            self._receive([bytes(frame) for frame in Encoder().encode(message)])  # type: ignore[arg-type]
            self.wake()


class SlowWire:
    """``remote`` is the handle of ``engine`` behind the wire."""

    def __init__(self, engine: EngineHandle, delays: Iterator[float], max_unanswered: int = 64) -> None:
        commands: Decoder[Commands] = Decoder(ToEngine)
        steps: Decoder[Step] = Decoder(ToFront)
        self.relay = RequestRelay(engine, lambda: self.to_front.wake())
        status = dataclasses.replace(engine.status, max_live_requests=1_000)
        self.remote = RemoteEngine(status, max_unanswered, lambda: self.to_engine.wake())
        self.to_engine = _OneWay(
            self.remote.take,
            lambda frames: self.relay.receive(commands.decode(frames)),  # type: ignore[arg-type]
            delays,
        )
        self.to_front = _OneWay(
            self.relay.take,
            lambda frames: self.remote.receive(steps.decode(frames)),  # type: ignore[arg-type]
            delays,
        )
