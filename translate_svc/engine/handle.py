"""All that a service and its sessions know of an engine, be it in this process or another. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from translate_svc.engine.request import EngineEvent, Request
from translate_svc.engine.totals import Totals

ENGINE_LOST = "the engine was lost"
"""What callers are told when an engine will never answer again; the reason is in the log."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """An engine as its handle knows it: plain data, which the engine pushes after each of its turns.

    Attributes:
        healthy: it takes requests and works on them.
        lost: a fatal error has happened: only a new process helps.
        live_requests: taken, and their last event has not been delivered.
        max_live_requests: at so many the engine refuses.
        waiting_requests: taken, and without slots yet.
        busy_slots: rows of the text decoder in use.
        slots: all of them.
        totals: what has been done so far; a copy.
    """

    healthy: bool = False
    lost: bool = False
    live_requests: int = 0
    max_live_requests: int = 0
    waiting_requests: int = 0
    busy_slots: int = 0
    slots: int = 0
    totals: Totals = field(default_factory=Totals)


Deliver = Callable[[EngineEvent], None]
"""Called on the event loop's thread, in order; must not block and must not raise."""


class EngineHandle(Protocol):
    """What a session asks an engine; ``AsyncEngine`` and the tests' scripted engine implement it.

    Nothing here waits for the engine: what it answers comes as events, and what it is doing as ``status``.
    A request's undelivered events are bounded: at most its token limit, plus the pieces it has credit for.
    """

    def submit(self, request: Request, deliver: Deliver) -> None:
        """Sends a request. The first event, never delivered inside this call, is ``RequestQueued``, or
        ``RequestRefused`` where the engine does not take it.

        Raises:
            InvalidArgument: the request can never run (too long, unknown language, not finite), or its id is
                in use. It has not been sent then.
        """

    def abort(self, request_id: str) -> None:
        """Drops a request within one step; no event of it is delivered after this returns. Idempotent."""

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        """Gives a sequence credit for further waveform pieces. Unknown requests are ignored."""

    @property
    def status(self) -> EngineStatus:
        """As last pushed, with what the handle itself has sent and delivered since."""
