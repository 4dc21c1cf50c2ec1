"""How many streams are served at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from translate_svc.errors import ResourceExhausted


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """At most ``max_streams`` at once; whoever is turned away is told to come back in ``retry_after_s``."""

    max_streams: int = 32
    retry_after_s: float = 2.0


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

    def __init__(self, options: AdmissionOptions) -> None:
        self._options = options
        self._live = 0
        self.admitted = 0
        """Slots given out so far."""
        self.rejected = 0
        """Those who were turned away so far."""
        self._nobody = asyncio.Event()
        self._nobody.set()

    @property
    def live(self) -> int:
        """Streams that hold a slot."""
        return self._live

    def admit(self) -> AdmissionSlot:
        """Takes a slot.

        Raises:
            ResourceExhausted: all are taken; says when to try again.
        """
        if self._live >= self._options.max_streams:
            self.rejected += 1
            raise ResourceExhausted(
                f"all {self._options.max_streams} streams are taken",
                retry_after_s=self._options.retry_after_s,
            )
        self._live += 1
        self.admitted += 1
        self._nobody.clear()
        return AdmissionSlot(self)

    async def empty(self) -> None:
        """Waits until no stream holds a slot."""
        await self._nobody.wait()

    def _give_back(self) -> None:
        self._live -= 1
        if self._live == 0:
            self._nobody.set()
