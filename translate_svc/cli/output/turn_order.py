"""In which order the utterances of one source are shown, when one or several streams translate it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from translate_svc.cli.output.channel_sides import ChannelSide


class TurnOrder:
    """Utterances end in any order, but are shown in the order of their starts.

    An utterance is shown when it is done, all earlier ones were shown, and no other stream can still begin
    an earlier one. Every utterance has a number, which is greater the later it starts.
    """

    def __init__(self, sides: Sequence[ChannelSide]) -> None:
        """``sides``: one for each stream."""
        self._sides = list(sides)
        self._numbers: dict[tuple[ChannelSide, int], int] = {}
        self._waiting: dict[int, tuple[ChannelSide, int]] = {}
        self._done: set[int] = set()
        self._known: dict[ChannelSide, float] = dict.fromkeys(sides, 0.0)

    def number(self, side: ChannelSide, utterance_id: int, position: int) -> int:
        """The number of an utterance that starts at the source's sample ``position``. A later call for the
        same utterance returns the same number at any position.
        """
        key = side, utterance_id
        if key not in self._numbers:
            number = position * len(self._sides) + self._sides.index(side)
            while number in self._waiting:
                number += len(self._sides)
            self._numbers[key] = number
            self._waiting[number] = key
            self.know(side, position)
        return self._numbers[key]

    def know(self, side: ChannelSide, position: float) -> None:
        """All utterances of this stream that start before the source's sample ``position`` have a number."""
        self._known[side] = max(self._known[side], position)

    def close(self, side: ChannelSide) -> None:
        """The stream has ended."""
        self.know(side, math.inf)

    def done(self, number: int) -> None:
        """The utterance is complete."""
        self._done.add(number)

    def take(self) -> Iterator[int]:
        """The numbers of the utterances that are to be shown now, in order. They are forgotten."""
        while self._waiting:
            number = min(self._waiting)
            side, _ = self._waiting[number]
            position = number // len(self._sides)
            others = (known for other, known in self._known.items() if other is not side)
            if number not in self._done or min(others, default=math.inf) < position:
                return
            self._done.remove(number)
            del self._numbers[self._waiting.pop(number)]
            yield number
