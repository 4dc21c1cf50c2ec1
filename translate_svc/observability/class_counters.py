"""Counters by class of caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import Counter

from translate_svc.observability.labels import OTHER

_MAX_CLASSES = 64


class ClassCounters(Mapping[str, Counter]):
    """One counter for each class of callers. A class comes when it is first counted, as the operator may add
    some while the server runs; those after the 64th count as ``other``.
    """

    def __init__(self, create: Callable[[str], Counter]) -> None:
        self._create = create
        self._counters = {OTHER: create(OTHER)}

    def __getitem__(self, name: str) -> Counter:
        if name not in self._counters and len(self._counters) <= _MAX_CLASSES:
            self._counters[name] = self._create(name)
        return self._counters[name]

    def __contains__(self, name: object) -> bool:
        return name in self._counters or len(self._counters) <= _MAX_CLASSES

    def __iter__(self) -> Iterator[str]:
        return iter(self._counters)

    def __len__(self) -> int:
        return len(self._counters)
