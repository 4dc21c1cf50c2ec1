"""What an attack is aimed at, and what it has done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.attacks.http2 import Connection, connect

_RECONNECT_S = 0.05


@dataclass
class Aim:
    """The server, seen by its attacker.

    Attributes:
        target: its address for gRPC.
        admin: its admin port.
        key: an API key that it takes.
        source: the attacker's own address.
        done: what the attack has done and met so far, by name.
    """

    target: str
    admin: str
    key: str
    source: str = "127.0.0.2"
    done: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def connection(self, *, window_bytes: int | None = None) -> AsyncIterator[Connection]:
        """A connection; what ended its calls, and what the server sent, is counted."""
        more = {} if window_bytes is None else {"window_bytes": window_bytes}
        async with connect(self.target, self.source, **more) as connection:
            self.done["connections"] += 1
            try:
                yield connection
            finally:
                self.done["cut off"] += connection.is_cut.is_set()
                for name, count in connection.received.items():
                    if name.startswith("GoAway "):
                        self.done[name] += count

    async def again_and_again(self, attack: Callable[[], Awaitable[object]]) -> None:
        """Runs ``attack`` for ever, also after the server has thrown it out."""
        while True:
            try:
                await attack()
            except OSError as error:
                self.done[type(error).__name__] += 1
            await asyncio.sleep(_RECONNECT_S)

    async def at_once(self, count: int, attack: Callable[[], Awaitable[object]]) -> None:
        """``attack`` from ``count`` sides, for ever."""
        await asyncio.gather(*(self.again_and_again(attack) for _ in range(count)))


Attack = Callable[[Aim], Coroutine[None, None, None]]
"""Attacks until it is cancelled."""
