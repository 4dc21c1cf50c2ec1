"""Order of results: per lane, utterance n before n + 1; lanes do not wait for each other."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from translate_svc.session.negotiation import LaneKey

ItemT = TypeVar("ItemT")


@dataclass(slots=True)
class _Place(Generic[ItemT]):
    """An utterance's place in a lane: what waits there for its turn."""

    held: deque[ItemT] = field(default_factory=deque)
    finished: bool = False


class ReorderBuffer(Generic[ItemT]):
    """Holds items back until all earlier utterances have finished in the same lane.

    An utterance ``enter``s its lanes in stream order, ``put``s items into them at any time and ``finish``es
    each; ``drop`` takes it out of all. Items of the first unfinished utterance of a lane leave at once,
    through ``leave(utterance_id, item)``; later ones wait. What waits is bounded by what the engine may
    deliver for the utterances in flight: their token limits and the pieces they have credit for.
    """

    def __init__(self, leave: Callable[[int, ItemT], None]) -> None:
        self._leave = leave
        self._lanes: dict[LaneKey, OrderedDict[int, _Place[ItemT]]] = {}
        self._open: dict[int, int] = {}

    def enter(self, utterance_id: int, keys: Iterable[LaneKey]) -> None:
        """Takes the last place in each lane of ``keys``. Called once per utterance, in stream order."""
        distinct = set(keys)
        for key in distinct:
            self._lanes.setdefault(key, OrderedDict())[utterance_id] = _Place()
        self._open[utterance_id] = len(distinct)

    def put(self, utterance_id: int, key: LaneKey, item: ItemT) -> None:
        """Lets ``item`` out, now or when the utterance's turn comes."""
        lane = self._lanes[key]
        if next(iter(lane)) == utterance_id:
            self._leave(utterance_id, item)
        else:
            lane[utterance_id].held.append(item)

    def finish(self, utterance_id: int, key: LaneKey) -> None:
        """Nothing more comes of this utterance in this lane. Idempotent.

        An utterance that holds nothing there gives up its place even before its turn.
        """
        lane = self._lanes.get(key)
        if lane is None or utterance_id not in lane:
            return
        lane[utterance_id].finished = True
        if not lane[utterance_id].held:
            del lane[utterance_id]
            self._open[utterance_id] -= 1
        self._advance(key)

    def drop(self, utterance_id: int) -> None:
        """Forgets what the utterance holds and gives up its places. Later ones may leave now."""
        self._open.pop(utterance_id, None)
        for key in [key for key, lane in self._lanes.items() if utterance_id in lane]:
            self._lanes[key].pop(utterance_id)
            self._advance(key)

    def is_through(self, utterance_id: int) -> bool:
        """Whether everything of the utterance has left and all its lanes are finished."""
        return self._open.get(utterance_id, 0) == 0

    def held(self) -> int:
        """Items that wait for their turn."""
        return sum(len(place.held) for lane in self._lanes.values() for place in lane.values())

    def _advance(self, key: LaneKey) -> None:
        """Lets out what may leave, and passes finished utterances by."""
        while lane := self._lanes.get(key):
            utterance_id, place = next(iter(lane.items()))
            while place.held:
                self._leave(utterance_id, place.held.popleft())
            if not place.finished:
                return
            del lane[utterance_id]
            self._open[utterance_id] -= 1
        self._lanes.pop(key, None)
