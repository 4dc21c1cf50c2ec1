"""Who is served, and who is told to come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from translate_svc.errors import ResourceExhausted


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """Past any of these a stream or call is refused at once: it is told "full" rather than served late.

    Attributes:
        max_streams: streams and calls that are served at a time.
        max_waiting_requests: requests that wait for the engine.
        max_queued_input_ms: audio of all streams that waits to be heard.
        retry_after_s: when whoever is refused is told to come back.
    """

    max_streams: int = 32
    max_waiting_requests: int = 64
    max_queued_input_ms: int = 120_000
    retry_after_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What those who are served already wait for."""

    waiting_requests: int = 0
    queued_input_ms: int = 0


class AdmissionSlot:
    """The right to one live stream. ``release`` gives it back, once, however often it is called."""

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission

    @property
    def held(self) -> bool:
        """Whether it has not been given back."""
        return self._admission is not None

    def release(self) -> None:
        """Gives the slot back. Idempotent."""
        admission, self._admission = self._admission, None
        if admission is not None:
            admission._give_back()


class Admission:
    """Counts live streams. Nobody waits in line here: a stream is admitted at once or refused."""

    def __init__(self, options: AdmissionOptions, backlog: Callable[[], Backlog] = Backlog) -> None:
        """``backlog`` is asked at each admission that ``max_streams`` has room for."""
        self._options = options
        self._backlog = backlog
        self._live = 0
        self.admitted = 0
        """Slots given out so far."""
        self.rejected = 0
        """Those who were turned away so far."""

    @property
    def live(self) -> int:
        """Streams that hold a slot."""
        return self._live

    def admit(self) -> AdmissionSlot:
        """Takes a slot.

        Raises:
            ResourceExhausted: a limit is reached; says which, and when to try again.
        """
        if reason := self._full_because():
            self.rejected += 1
            raise ResourceExhausted(reason, retry_after_s=self._options.retry_after_s)
        self._live += 1
        self.admitted += 1
        return AdmissionSlot(self)

    def _full_because(self) -> str:
        limits = self._options
        if self._live >= limits.max_streams:
            return f"all {limits.max_streams} streams are taken"
        backlog = self._backlog()
        if backlog.waiting_requests >= limits.max_waiting_requests:
            return f"{backlog.waiting_requests} requests wait for the engine"
        if backlog.queued_input_ms >= limits.max_queued_input_ms:
            return f"{backlog.queued_input_ms} ms of audio wait to be heard"
        return ""

    def _give_back(self) -> None:
        self._live -= 1
