"""Whom a process asks before it opens a stream or call, and before it takes limited audio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from translate_svc.session.admission import AdmissionSlot
from translate_svc.session.quotas.audio_meter import AudioMeter
from translate_svc.session.quotas.caller_admission import CallerAdmission
from translate_svc.types import AudioFormat, Caller


class AdmissionControl(Protocol):
    """Asks the ``CallerAdmission`` of the server, which may be in another process."""

    @property
    def live(self) -> int:
        """Streams and calls of this process that hold a slot."""

    @property
    def admitted(self) -> int:
        """Streams and calls of the whole server that were admitted so far."""

    @property
    def rejected(self) -> int:
        """Streams and calls of the whole server that were refused so far."""

    async def admit(self, caller: Caller, cost: float, *, goes_on: bool = False) -> AdmissionSlot:
        """A slot for a stream or call. Who is cancelled meanwhile has none.

        Raises:
            PermissionDenied, QuotaExceeded, ResourceExhausted: as ``CallerAdmission.admit``.
            ResourceExhausted, EngineLost: nobody answers.
        """

    async def check(self, caller: Caller) -> None:
        """Raises as ``admit`` would now for the cheapest call, and takes no slot."""

    async def draw(self, caller: Caller, seconds: float, *, patient: bool) -> float:
        """Takes ``seconds`` of audio from what ``caller`` may send. Returns 0, or else after how many
        seconds to ask again: nothing was taken then.

        ``patient``: False raises QuotaExceeded instead.
        """

    def charge(self, caller: Caller, seconds: float) -> None:
        """Counts audio that was taken already."""


class OwnAdmission:
    """The ``AdmissionControl`` of a server of one process."""

    def __init__(self, decides: CallerAdmission) -> None:
        self._decides = decides

    @property
    def live(self) -> int:
        """Implements ``AdmissionControl.live``."""
        return self._decides.admission.live

    @property
    def admitted(self) -> int:
        """Implements ``AdmissionControl.admitted``."""
        return self._decides.admission.admitted

    @property
    def rejected(self) -> int:
        """Implements ``AdmissionControl.rejected``."""
        return self._decides.admission.rejected

    async def admit(self, caller: Caller, cost: float, *, goes_on: bool = False) -> AdmissionSlot:
        """Implements ``AdmissionControl.admit``, and does not wait."""
        return self._decides.admit(caller, cost, goes_on=goes_on)

    async def check(self, caller: Caller) -> None:
        """Implements ``AdmissionControl.check``, and does not wait."""
        self._decides.check(caller)

    async def draw(self, caller: Caller, seconds: float, *, patient: bool) -> float:
        """Implements ``AdmissionControl.draw``, and does not wait."""
        return self._decides.quotas.draw(caller, seconds, patient=patient).wait_s

    def charge(self, caller: Caller, seconds: float) -> None:
        """Implements ``AdmissionControl.charge``."""
        self._decides.quotas.charge(caller, seconds)


def new_meter(
    control: AdmissionControl,
    caller: Caller,
    audio_format: AudioFormat,
    record: Callable[[Caller, float], None],
    patience_s: float = 0.0,
) -> AudioMeter | None:
    """A meter for the audio of one stream. None if neither a limit nor a metric needs it.

    ``record`` is told of audio that was taken. ``patience_s``: how long in all audio waits before it is
    refused.
    """
    if caller.limits.audio_s_per_minute is None and not caller.class_name:
        return None

    async def draw(seconds: float, *, patient: bool) -> float:
        if wait_s := await control.draw(caller, seconds, patient=patient):
            return wait_s
        record(caller, seconds)
        return 0.0

    return AudioMeter(audio_format, draw, patience_s)
