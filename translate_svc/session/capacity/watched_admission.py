"""Admission by what the engine keeps up with: the one that counts, and the one that measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from translate_svc.engine.handle import EngineHandle
from translate_svc.session.admission import Admission, AdmissionOptions, Backlog
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.capacity.load_monitor import LoadMonitor, WatchedStream


def watched_admission(
    engine: EngineHandle,
    options: AdmissionOptions,
    capacity: CapacityOptions,
    streams: Callable[[], Iterable[WatchedStream]],
    queued_input_ms: Callable[[], int],
) -> tuple[Admission, LoadMonitor]:
    """The monitor must run. ``streams``: the open ones. ``queued_input_ms``: audio that waits in them."""

    def backlog() -> Backlog:
        return Backlog(engine.status.waiting_requests, queued_input_ms())

    admission = Admission(options, backlog, lambda: monitor.units)
    monitor = LoadMonitor(
        *(engine, capacity, streams),
        lambda: admission.live,
        lambda: admission.cost,
        lambda: admission.newest_cost,
    )
    return admission, monitor
