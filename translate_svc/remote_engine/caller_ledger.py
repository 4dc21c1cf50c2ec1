"""Adds up what callers use at all front processes, so that each can hold callers to the limits of the whole.
Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from translate_svc.session.quotas.quotas import CallerUsage

_KEPT_S = 10.0
"""A caller that uses nothing in this time is left out. All front processes know by then what it has used."""


@dataclass(slots=True)
class _Account:
    """One caller. ``streams`` and ``audio_s``: by front process; ``audio_s`` only grows."""

    latest: CallerUsage
    used_at_s: float
    streams: dict[int, int] = field(default_factory=dict)
    audio_s: dict[int, float] = field(default_factory=dict)


class CallerLedger:
    """Takes the reports of all front processes, and tells each what callers use at the others.

    Streams are those that are open. Audio is told in all, not since the last time: of messages that wait, a
    newer one may replace an older one.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def renew(self, index: int, usage: Iterable[CallerUsage]) -> None:
        """A front process reports: streams that are open there now, and audio since its last report."""
        now_s, seen = self._clock(), set[str]()
        for each in usage:
            seen.add(each.name)
            account = self._accounts.setdefault(each.name, _Account(each, now_s))
            account.latest, account.used_at_s = each, now_s
            account.streams[index] = each.streams
            account.audio_s[index] = account.audio_s.get(index, 0.0) + each.audio_s
        for name, account in self._accounts.items():
            if name not in seen:
                account.streams.pop(index, None)
        self._accounts = {
            name: account
            for name, account in self._accounts.items()
            if account.streams or now_s - account.used_at_s < _KEPT_S
        }

    def release(self, index: int) -> None:
        """A front process has ended, and its streams with it. What it has used stays used."""
        self.renew(index, ())

    def elsewhere(self, index: int) -> tuple[CallerUsage, ...]:
        """What callers use at all other front processes."""
        found = []
        for account in self._accounts.values():
            streams = sum(count for other, count in account.streams.items() if other != index)
            audio_s = sum(seconds for other, seconds in account.audio_s.items() if other != index)
            if streams or audio_s:
                found.append(dataclasses.replace(account.latest, streams=streams, audio_s=audio_s))
        return tuple(found)
