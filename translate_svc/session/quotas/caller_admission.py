"""Who comes in: each caller within its quotas, and all together within what the engine keeps up with."""

from __future__ import annotations

from translate_svc.session.admission import Admission, AdmissionSlot
from translate_svc.session.quotas.quotas import Quotas
from translate_svc.types import Caller


class CallerAdmission:
    """The one place where a server decides. Belongs to one event loop, and nothing here waits.

    It is in the process of the engine, also where streams are open at front processes.
    """

    def __init__(self, admission: Admission, quotas: Quotas) -> None:
        self.admission = admission
        """Counts the streams and calls of all callers."""
        self.quotas = quotas
        """What each caller uses."""

    def admit(self, caller: Caller, cost: float, *, goes_on: bool = False) -> AdmissionSlot:
        """A slot for a stream or call of ``caller``; ``cost`` and ``goes_on`` as of ``Admission.admit``.

        Raises:
            PermissionDenied: the caller may not use the loaded model.
            QuotaExceeded: a limit of the caller is reached. Says when to try again.
            ResourceExhausted: the server is full. Says when to try again.
        """
        self.quotas.check(caller, goes_on=goes_on)
        slot = self.admission.admit(caller.holder() or None, cost, goes_on=goes_on)
        self.quotas.hold(caller, slot)
        return slot

    def check(self, caller: Caller) -> None:
        """Raises as ``admit`` would now for the cheapest call, and takes no slot."""
        self.quotas.check(caller)
        self.admission.check(caller.holder() or None)
