"""A front process that tells its cost. ``python -m benchmarks.message_cost.front_process``."""

from __future__ import annotations

import asyncio

import translate_svc.cli  # noqa: F401 - before grpc, which is set up there
from benchmarks.message_cost.heard_vad import HeardVad
from benchmarks.message_cost.probes import count_loop
from benchmarks.message_cost.process_cost import probed_clock, tell
from translate_svc.cli.fronts.front_process import main

_telling: list[asyncio.Task[None]] = []


def _make_vad() -> HeardVad:
    """Called on the event loop, before the servers are made: that is the place for probes."""
    if clock is not None:
        count_loop(clock)
    _telling.append(asyncio.get_running_loop().create_task(tell(clock)))
    return HeardVad()


if __name__ == "__main__":
    clock = probed_clock()
    main(_make_vad)
