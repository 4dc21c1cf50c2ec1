"""Shares the places for streams of one server among its front processes. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Holder:
    """What one front process may hold.

    ``target``: what it was told last, ``serial``: how often it was told, ``confirmed``: the serial that it
    reported last. ``bound``: what it may hold at most, whatever has reached it yet. ``lowered``: a lower
    target is on its way.
    """

    target: int = 0
    serial: int = 0
    confirmed: int = 0
    lowered: bool = False
    bound: int = 0
    live: int = 0
    missed: int = 0
    starved: bool = False


class PlaceLedger:
    """Gives each front process a number of places; a stream needs one.

    A front process admits a stream while it has fewer than its number. When the number is lowered, streams
    keep their places until they end. So a place that is taken back counts as held until the process has
    confirmed the lower number. At no time do all processes together serve more than ``places`` streams,
    however long messages take.

    Free places are spread evenly. The last few go to processes that have just refused a stream; otherwise
    they stay where they are, so that a client that comes again finds the place that was made for it.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._holders: dict[int, _Holder] = {}

    def resize(self, places: int) -> None:
        """Changes the number of places. Streams keep theirs until they end."""
        if places != self._places:
            self._places = places
            self._rebalance()

    def join(self, index: int) -> None:
        """A front process that has no place yet."""
        self._holders[index] = _Holder()
        self._rebalance()

    def leave(self, index: int) -> None:
        """A front process has ended, and its streams with it."""
        self._holders.pop(index, None)
        self._rebalance()

    def target(self, index: int) -> tuple[int, int]:
        """The number that a front process should be told, and its serial number. Zeros before it joins."""
        holder = self._holders.get(index, _Holder())
        return holder.target, holder.serial

    def is_settled(self, index: int) -> bool:
        """Whether a front process has all the places that it should have now, and knows it."""
        holder = self._holders.get(index)
        if holder is None:
            return False
        return holder.confirmed == holder.serial and holder.target >= self._wanted()[index]

    def report(self, index: int, *, serial: int, live: int, missed: int) -> None:
        """A front process reports.

        Args:
            index: which one.
            serial: of the last number that has reached it.
            live: the streams that it serves.
            missed: how many streams it has refused since its start because it had no place.
        """
        holder = self._holders.get(index)
        if holder is None:
            return
        holder.live, holder.confirmed = live, serial
        holder.starved = missed > holder.missed
        holder.missed = missed
        if serial == holder.serial:
            holder.bound = max(holder.target, live)
            holder.lowered = False
        self._rebalance()

    def _rebalance(self) -> None:
        wanted = self._wanted()
        for index, holder in self._holders.items():
            if wanted[index] < holder.target:
                holder.target = wanted[index]  # the bound stays until it is confirmed
                holder.serial += 1
                holder.lowered = True
        free = self._places - sum(holder.bound for holder in self._holders.values())
        for index, holder in self._by_need():
            target = min(wanted[index], holder.bound + free)
            # nothing is given while a lower number is on its way: which one was confirmed would be in doubt
            if target > holder.target and not holder.lowered:
                free -= max(0, target - holder.bound)
                holder.target = target
                holder.bound = max(holder.bound, target)
                holder.serial += 1

    def _wanted(self) -> dict[int, int]:
        """What each would have if messages took no time: its streams and a share of the free places."""
        if not self._holders:
            return {}
        free = max(0, self._places - sum(holder.live for holder in self._holders.values()))
        share, rest = divmod(free, len(self._holders))
        wanted = {}
        for place, (index, holder) in enumerate(self._by_need()):
            wanted[index] = holder.live + share + (place < rest)
        return wanted

    def _by_need(self) -> list[tuple[int, _Holder]]:
        def need(entry: tuple[int, _Holder]) -> tuple[bool, int, int]:
            index, holder = entry
            return not holder.starved, holder.live - holder.target, index

        return sorted(self._holders.items(), key=need)
