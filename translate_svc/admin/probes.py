"""Liveness and readiness of the process."""

from __future__ import annotations

from typing import Protocol


class ProbeTarget(Protocol):
    """The service that probes ask about; ``translate_svc.service.Service`` implements it."""

    @property
    def engine_lost(self) -> bool:
        """True once the engine is lost for good. Only a new process helps."""

    @property
    def not_ready_reason(self) -> str:
        """Why new streams are refused; empty while they are accepted."""


class Probes:
    """The state that probes see. Before ``attach`` the process is live and not ready."""

    def __init__(self) -> None:
        self._service: ProbeTarget | None = None

    def attach(self, service: ProbeTarget) -> None:
        """Uses the state of ``service`` from now on. To be called once the transport listens."""
        self._service = service

    @property
    def not_live_reason(self) -> str:
        """Why the process must be restarted; empty while it is live."""
        return self.not_ready_reason if self._service is not None and self._service.engine_lost else ""

    @property
    def not_ready_reason(self) -> str:
        """Why the process should not get new streams; empty while it is ready."""
        return "the model is being loaded" if self._service is None else self._service.not_ready_reason
