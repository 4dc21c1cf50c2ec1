"""What a probe is told of the process."""

from __future__ import annotations

from typing import Protocol


class ProbeTarget(Protocol):
    """What answers once the model is loaded; ``translate_svc.service.Service`` does."""

    @property
    def engine_lost(self) -> bool:
        """The engine is gone for good: only a new process helps."""

    @property
    def not_ready_reason(self) -> str:
        """Why no new stream is taken; empty while they are."""


class Probes:
    """Answers before there is a service to ask: alive, and not ready."""

    def __init__(self) -> None:
        self._service: ProbeTarget | None = None

    def attach(self, service: ProbeTarget) -> None:
        """The model is loaded and the transport listens: from now on ``service`` is asked."""
        self._service = service

    @property
    def not_live_reason(self) -> str:
        """Why the process is to be restarted; empty while it is not."""
        return self.not_ready_reason if self._service is not None and self._service.engine_lost else ""

    @property
    def not_ready_reason(self) -> str:
        """Why the process should not be sent new streams; empty while it should."""
        return "the model is being loaded" if self._service is None else self._service.not_ready_reason
