"""Options of the connections between front processes and the engine."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """Times and bounds.

    Attributes:
        start_timeout_s: a front process that says nothing in this time before it is ready is given up.
        report_interval_s: how often a front process reports.
        silence_timeout_s: a front process that was ready, and has said nothing in this time, hangs.
        overview_interval_s: how often the engine's process tells the state of the whole, if it has changed.
        engine_silence_timeout_s: an engine's process of which a front process has heard nothing in this time
            is lost.
        answer_timeout_s: a front process waits so long to be told whether a stream, or audio, is admitted.
        max_unsent_bytes: a front process that leaves more than this of the engine's events unread hangs, too.
    """

    start_timeout_s: float = 120.0
    report_interval_s: float = 0.5
    silence_timeout_s: float = 10.0
    overview_interval_s: float = 0.1
    engine_silence_timeout_s: float = 30.0
    answer_timeout_s: float = 5.0
    max_unsent_bytes: int = 64 * MIB
