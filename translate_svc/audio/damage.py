"""What of a recording could not be read, for people."""

from __future__ import annotations

import numpy as np

from translate_svc.types import Samples

_PACKETS = "packets could not be decoded"
_SAMPLES = "samples are NaN or infinite"


class Damage:
    """Counts the damage of one recording, and remembers where each kind of it begins."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, float]] = {}
        self._cut = ""

    def add_packet(self, at_s: float) -> None:
        """A packet could not be decoded; ``at_s``: its place in the recording."""
        self._add(_PACKETS, 1, at_s)

    def silenced(self, samples: Samples, at_s: float) -> Samples:
        """``samples`` (time is the last dimension), which begin at ``at_s``, with silence in place of NaN and
        infinity. These are counted. Recordings of floats hold some where a filter or a driver failed.
        """
        finite = np.isfinite(samples)
        if finite.all():
            return samples
        self._add(_SAMPLES, int((~finite.reshape(-1, samples.shape[-1]).all(axis=0)).sum()), at_s)
        silenced: Samples = np.where(finite, samples, np.float32(0))
        return silenced

    def add_cut(self, ends_s: float, stated_s: float) -> None:
        """The recording ends at ``ends_s``, though its header says that it lasts until ``stated_s``."""
        self._cut = f"it was cut off at {ends_s:.1f} s of {stated_s:.1f} s"

    def _add(self, what: str, count: int, at_s: float) -> None:
        before, first_s = self._found.get(what, (0, at_s))
        self._found[what] = before + count, first_s

    @property
    def description(self) -> str | None:
        """All of it; None if there is none."""
        found = [f"{count} {what}, the first at {at_s:.1f} s" for what, (count, at_s) in self._found.items()]
        found += [self._cut] if self._cut else []
        return f"is damaged: {', and '.join(found)}" if found else None
