"""Keeps results in order: within a lane, utterance n comes before n + 1. Lanes do not wait for each other.

A lane is one kind of result in one language (``LaneKey``), for example translations into French.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from translate_svc.session.settings.planned_sequence import LaneKey

ItemT = TypeVar("ItemT")


@dataclass(slots=True)
class _LaneEntry(Generic[ItemT]):
    """An utterance's items that wait in a lane."""

    held: deque[ItemT] = field(default_factory=deque)
    finished: bool = False


class ReorderBuffer(Generic[ItemT]):
    """Holds items back until all earlier utterances have finished in the same lane.

    Utterances ``enter`` their lanes in stream order, ``put`` items into them at any time and ``finish`` each
    lane; ``drop`` removes an utterance from all lanes. Items of the first unfinished utterance of a lane go
    to ``release(utterance_id, item)`` at once; later ones wait. Their number is bounded by what the engine
    may deliver for the utterances in flight: their token limits and the waveform pieces they have credit for.
    """

    def __init__(self, release: Callable[[int, ItemT], None]) -> None:
        self._release = release
        self._lanes: dict[LaneKey, OrderedDict[int, _LaneEntry[ItemT]]] = {}
        self._open: dict[int, int] = {}  # lanes that each utterance has not left

    def enter(self, utterance_id: int, keys: Iterable[LaneKey]) -> None:
        """Appends the utterance to each lane of ``keys``, unless it is in them. Called in stream order."""
        if utterance_id in self._open:
            return
        distinct = set(keys)
        for key in distinct:
            self._lanes.setdefault(key, OrderedDict())[utterance_id] = _LaneEntry()
        if distinct:
            self._open[utterance_id] = len(distinct)

    def put(self, utterance_id: int, key: LaneKey, item: ItemT) -> None:
        """Releases ``item`` now, or when all earlier utterances have left the lane."""
        lane = self._lanes[key]
        if next(iter(lane)) == utterance_id:
            self._release(utterance_id, item)
        else:
            lane[utterance_id].held.append(item)

    def finish(self, utterance_id: int, key: LaneKey) -> None:
        """No more items of this utterance come in this lane. Idempotent.

        An utterance without waiting items leaves the lane at once, even before its turn.
        """
        lane = self._lanes.get(key)
        if lane is None or utterance_id not in lane:
            return
        lane[utterance_id].finished = True
        if not lane[utterance_id].held:
            self._leave(lane, utterance_id)
        self._advance(key)

    def drop(self, utterance_id: int) -> None:
        """Removes the utterance and its waiting items from all lanes. May release items of later ones."""
        self._open.pop(utterance_id, None)
        for key in [key for key, lane in self._lanes.items() if utterance_id in lane]:
            self._lanes[key].pop(utterance_id)
            self._advance(key)

    def is_complete(self, utterance_id: int) -> bool:
        """Whether all lanes of the utterance are finished and all its items released."""
        return self._open.get(utterance_id, 0) == 0

    def held(self) -> int:
        """Number of items that wait for their turn."""
        return sum(len(entry.held) for lane in self._lanes.values() for entry in lane.values())

    def _advance(self, key: LaneKey) -> None:
        """Releases what may go now, and removes finished utterances."""
        while lane := self._lanes.get(key):
            utterance_id, entry = next(iter(lane.items()))
            while entry.held:
                self._release(utterance_id, entry.held.popleft())
            if not entry.finished:
                return
            self._leave(lane, utterance_id)
        self._lanes.pop(key, None)

    def _leave(self, lane: OrderedDict[int, _LaneEntry[ItemT]], utterance_id: int) -> None:
        del lane[utterance_id]
        self._open[utterance_id] -= 1
        if not self._open[utterance_id]:
            del self._open[utterance_id]
