"""An engine that is served: whether it takes new streams, and the server's information about itself.

Importing this file is cheap.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from translate_svc.engine.handle import ENGINE_LOST, EngineHandle
from translate_svc.errors import EngineLost, TranslateSvcError, Unavailable
from translate_svc.server_info import ServerInfoReporter
from translate_svc.session.capacity.front_peers import SharedLoad
from translate_svc.session.capacity.load_monitor import LoadMonitor
from translate_svc.types import FrontProcess, ServerInfo

if TYPE_CHECKING:
    from translate_svc.observability.snapshot import Snapshot


class ServedEngine(ABC):
    """The interface for ``serve``, its probes and its metrics: a ``Service``, or a ``FrontedServer``.

    Once the engine is lost, the process must be restarted.
    """

    def __init__(
        self, engine: EngineHandle, load_monitor: LoadMonitor | SharedLoad, reporter: ServerInfoReporter
    ) -> None:
        self.engine = engine
        """The engine. The owner starts, watches and stops it."""
        self._load_monitor = load_monitor
        self._reporter = reporter
        self._drain_reason: TranslateSvcError | None = None

    @property
    @abstractmethod
    def live_sessions(self) -> int:
        """Streams and calls that are open now."""

    @property
    @abstractmethod
    def queued_input_ms(self) -> int:
        """Audio that waits to be processed."""

    @property
    @abstractmethod
    def _trouble(self) -> str:
        """Why new streams should go elsewhere, apart from the engine; empty if nothing speaks against it."""

    @property
    def front_processes(self) -> tuple[FrontProcess, ...]:
        """The state of each front process, where the server has some."""
        return ()

    @property
    def engine_lost(self) -> bool:
        """True once the engine is lost for good. The process must then be restarted."""
        return self.engine.status.lost

    @property
    def refusal(self) -> TranslateSvcError | None:
        """The error that new streams and calls fail with; None while they are accepted."""
        engine = self.engine.status
        if engine.lost:
            return EngineLost(ENGINE_LOST)
        if self._drain_reason is None and not engine.healthy:
            return Unavailable("the engine has stopped")
        return copy.copy(self._drain_reason)  # a shared exception would collect every caller's traceback

    @property
    def not_ready_reason(self) -> str:
        """Why new streams should go elsewhere; empty while they are accepted. A full server stays ready."""
        if (refusal := self.refusal) is not None:
            return str(refusal)
        monitor = self._load_monitor
        behind = "" if monitor.keeps_up else f"the engine does not keep up: {monitor.lag_s:.1f} s behind"
        return self._trouble or behind

    def drain(self, reason: TranslateSvcError) -> None:
        """Refuses new streams and calls with ``reason`` from now on. Live ones continue.

        If the engine is lost, new ones fail with ``EngineLost`` instead of ``reason``.
        """
        self._drain_reason = reason

    def info(self) -> ServerInfo:
        """Version, model, load and limits. The transport fills in the limits of messages."""
        return self._reporter.info()

    def snapshot(self) -> Snapshot:
        """The values that a metrics scrape reads."""
        from translate_svc.observability.snapshot import Snapshot

        return Snapshot(
            ready=not self.not_ready_reason,
            streams_active=self.live_sessions,
            streams_capacity=self._load_monitor.capacity,
            queued_audio_s=self.queued_input_ms / 1000,
            load=self._reporter.load(),
            front_processes=self.front_processes,
        )
