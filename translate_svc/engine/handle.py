"""The interface between the engine and the service with its sessions. Imports no torch.

The engine may run in this process or in another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from translate_svc.engine.events import EngineEvent
from translate_svc.engine.request import Request
from translate_svc.engine.stats import Totals

ENGINE_LOST = "the engine was lost"
"""The message for callers when an engine will never answer again. The log has the reason."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The state of an engine as plain data. The engine pushes it after its steps.

    Attributes:
        healthy: the engine accepts requests and works on them.
        lost: a fatal error has happened; only a new process helps.
        live_requests: accepted requests whose last event has not been delivered yet.
        max_live_requests: with this many live requests the engine refuses further ones.
        waiting_requests: accepted requests that have no slots yet.
        busy_slots: rows of the text decoder's caches in use.
        slots: rows of the text decoder's caches.
        totals: work done since the start; a copy.
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
"""A request's callback. Called on the event loop's thread, in order; must not block and must not raise."""


class EngineHandle(Protocol):
    """What a session asks of an engine: ``AsyncEngine`` in this process, ``RemoteEngine`` in another one.

    No method waits for the engine: its answers come as events, its state as ``status``. The undelivered
    events of a request are bounded: at most its token limit, plus the pieces it has credit for.
    """

    def submit(self, request: Request, deliver: Deliver) -> None:
        """Sends a request.

        The first event is ``RequestQueued``, or ``RequestRefused`` when the engine does not accept it. No
        event is delivered inside this call.

        Raises:
            InvalidArgument: the request can never run (too long, unknown language, not finite), or its id is
                in use. In that case it was not sent. An engine in another process reports its own checks
                by ``RequestRefused`` with this error.
        """

    def abort(self, request_id: str) -> None:
        """Drops a request before the next step. Idempotent.

        None of its events is delivered after this has returned.
        """

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        """Gives a sequence credit for ``pieces`` more waveform pieces. Unknown requests are ignored."""

    @property
    def status(self) -> EngineStatus:
        """The status last pushed, corrected by what the handle itself has sent and delivered since."""
