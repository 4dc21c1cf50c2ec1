"""How many files may be received or translated at a time, in all and of one caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from translate_svc.errors import QuotaExceeded, ResourceExhausted
from translate_svc.serving.held_places import HeldPlaces


class UploadPlaces:
    """Places for files. A caller that fills its own leaves the others theirs."""

    def __init__(self, places: int, places_per_caller: int) -> None:
        self._places = places
        self._places_per_caller = places_per_caller
        self._taken = HeldPlaces()

    @contextmanager
    def place(self, holder: str) -> Iterator[None]:
        """A place for one file, for the time of the block. Who is not known shares all places.

        Raises:
            QuotaExceeded: the caller has all that one may have.
            ResourceExhausted: all places are taken.
        """
        mine = self._taken.of(holder)
        if mine >= self._places_per_caller and holder:
            raise QuotaExceeded(f"{mine} files of this caller are being translated")
        if self._taken.total >= self._places:
            raise ResourceExhausted(f"{self._taken.total} files are being translated")
        with self._taken.hold(holder):
            yield
