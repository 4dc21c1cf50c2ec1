"""What calls got, compared with the same calls on a server that lives."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.resume.live_call import Received

_MAY_DIFFER = "drafts_skipped"
"""Simultaneous translation leaves out drafts on a busy machine, and says so: texts may differ then."""


@dataclass(frozen=True, slots=True)
class ResumeResult:
    """What broken calls lost.

    Attributes:
        calls: that came to their end.
        resumptions: how often a call continued at another server.
        samples_lost: of speech: missing or doubled, against a call that was not disturbed.
        faults: events that were doubled, missing or in the wrong order, and errors of calls.
        different: calls with another text, another speech or other usage than an undisturbed one.
        not_compared: calls in which the server left out drafts.
        recovery_p50_ms: from the loss of the server until another one has taken the stream.
    """

    calls: int
    resumptions: int
    samples_lost: int
    faults: int
    different: int
    not_compared: int
    recovery_p50_ms: float
    recovery_p95_ms: float
    recovery_max_ms: float
    load_average: float


@dataclass(slots=True)
class Comparison:
    """Gathers calls as they end. ``notes`` names the differences."""

    notes: list[str] = field(default_factory=list)
    _calls: int = 0
    _samples_lost: int = 0
    _faults: int = 0
    _different: int = 0
    _not_compared: int = 0
    _gaps_s: list[float] = field(default_factory=list)

    def add(self, got: Received, wanted: Received, gaps_s: Sequence[float]) -> None:
        """A call came to its end. ``gaps_s``: seconds without a server of each resumption."""
        self._calls += 1
        self._gaps_s += gaps_s
        self._faults += len(got.faults)
        self.notes += got.faults
        if _MAY_DIFFER in got.warnings + wanted.warnings:
            self._not_compared += 1
            return
        for place in got.samples.keys() | wanted.samples.keys():
            self._samples_lost += abs(got.samples[place] - wanted.samples[place])
        if different := [name for name, value in wanted.content.items() if got.content[name] != value]:
            self._different += 1
            self.notes.append(f"differs in {', '.join(different)}")
            for name in different:
                one, other = got.content[name], wanted.content[name]
                if isinstance(one, dict) and isinstance(other, dict):
                    self.notes += [
                        f"{name} {key}: {one.get(key)!r} is not {other.get(key)!r}"
                        for key in one.keys() | other.keys()
                        if one.get(key) != other.get(key)
                    ]

    def fail(self, error: BaseException) -> None:
        """A call ended with an error."""
        self._calls += 1
        self._faults += 1
        self.notes.append(repr(error))

    def result(self) -> ResumeResult:
        """All calls together."""
        gaps_ms = sorted(1000 * gap_s for gap_s in self._gaps_s) or [0.0]
        return ResumeResult(
            calls=self._calls,
            resumptions=len(self._gaps_s),
            samples_lost=self._samples_lost,
            faults=self._faults,
            different=self._different,
            not_compared=self._not_compared,
            recovery_p50_ms=round(statistics.median(gaps_ms), 1),
            recovery_p95_ms=round(gaps_ms[int(0.95 * (len(gaps_ms) - 1))], 1),
            recovery_max_ms=round(gaps_ms[-1], 1),
            load_average=round(os.getloadavg()[0], 1),
        )
