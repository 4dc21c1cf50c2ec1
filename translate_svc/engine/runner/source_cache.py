"""Log-mel frames of utterances that are still growing, for the next encoding of the same audio."""

from __future__ import annotations

from collections import OrderedDict

from translate_svc.engine.plan import SourcePlace
from translate_svc.models.log_mel import LogMelFrames

MAX_BYTES = 64 << 20
"""The frames of some 85 buffers of 12 s."""


class SourceCache:
    """Keeps the frames of the last encoding of each growing utterance. Not thread-safe.

    A frame depends on its own 25 ms of audio alone, so a result is the same with and without the cache. When
    it is full, the utterances whose frames were used longest ago lose them; their next encoding computes all
    frames. So an utterance that is never finished does not stay.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._frames: OrderedDict[str, tuple[int, LogMelFrames]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Number of utterances with frames."""
        return len(self._frames)

    @property
    def bytes(self) -> int:
        """Size of all frames."""
        return self._bytes

    def get(self, place: SourcePlace) -> LogMelFrames | None:
        """The first frames of a source; None if none of its own are kept."""
        if place.utterance_id not in self._frames:
            return None
        self._frames.move_to_end(place.utterance_id)
        start_sample, frames = self._frames[place.utterance_id]
        return frames.after(place.start_sample - start_sample)

    def put(self, place: SourcePlace, frames: LogMelFrames | None) -> None:
        """Replaces the frames of the utterance. The last source of an utterance leaves none."""
        _, before = self._frames.pop(place.utterance_id, (0, None))
        self._bytes -= 0 if before is None else before.values.nbytes
        if frames is None or place.is_last:
            return
        self._frames[place.utterance_id] = place.start_sample, frames
        self._bytes += frames.values.nbytes
        while self._bytes > self._max_bytes:
            _, (_, oldest) = self._frames.popitem(last=False)
            self._bytes -= oldest.values.nbytes
