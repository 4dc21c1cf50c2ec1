"""What of a recording could not be read, for people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from translate_svc.audio.pcm import MAX_FLOAT_PEAK
from translate_svc.types import Samples

_PACKETS = "packets could not be decoded"
_SAMPLES = "samples are NaN or infinite"
_TOO_LOUD = "samples are far beyond full scale (floats reach from -1 to 1)"


class Damage:
    """Counts the damage of one recording, and remembers where each kind of it begins."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, float]] = {}
        self._cut = self._followed = ""

    def add_packet(self, at_s: float) -> None:
        """A packet could not be decoded; ``at_s``: its place in the recording."""
        self._add(_PACKETS, 1, at_s)

    def silenced(self, samples: Samples, at_s: float) -> Samples:
        """``samples`` (time is the last dimension), which begin at ``at_s``, with silence in place of NaN and
        infinity. These are counted. Recordings of floats hold some where a filter or a driver failed. Counted
        are also those far beyond full scale, which become full scale: a stream refuses what is louder than
        ``MAX_FLOAT_PEAK``, and one click would end the whole recording.
        """
        finite = np.isfinite(samples)
        if not finite.all():
            self._add_samples(_SAMPLES, ~finite, at_s)
            samples = np.where(finite, samples, np.float32(0))
        if (too_loud := np.abs(samples) > MAX_FLOAT_PEAK).any():
            self._add_samples(_TOO_LOUD, too_loud, at_s)
            samples = np.where(too_loud, np.sign(samples), samples)
        return samples

    def add_cut(self, ends_s: float, stated_s: float) -> None:
        """The recording ends at ``ends_s``, though its header says that it lasts until ``stated_s``."""
        self._cut = f"it was cut off at {ends_s:.1f} s of {stated_s:.1f} s"

    def add_follower(self) -> None:
        """Behind the end of the recording another one begins, which is not heard."""
        self._followed = "another WAV file follows its end and is not heard (FFmpeg joins recordings)"

    def _add_samples(self, what: str, which: NDArray[np.bool_], at_s: float) -> None:
        self._add(what, int(which.reshape(-1, which.shape[-1]).any(axis=0).sum()), at_s)

    def _add(self, what: str, count: int, at_s: float) -> None:
        before, first_s = self._found.get(what, (0, at_s))
        self._found[what] = before + count, first_s

    @property
    def description(self) -> str | None:
        """All of it; None if there is none."""
        found = [f"{count} {what}, the first at {at_s:.1f} s" for what, (count, at_s) in self._found.items()]
        found += [each for each in (self._cut, self._followed) if each]
        return f"is damaged: {', and '.join(found)}" if found else None
