"""What a model hears after the last sound of an utterance."""

from __future__ import annotations

import numpy as np

from translate_svc.engine.plan import EncodeItem
from translate_svc.types import EncoderSource, Samples

_QUIET_SAMPLES = 1_600
"""The piece that is repeated, 0.1 s: as long as the shortest source, and shorter than most pauses."""


def with_tail_padding(item: EncodeItem, samples: int) -> EncoderSource:
    """The source of an item as the model hears it: speech that has ended is followed by its background.

    ``samples``: how much of it, at 16 kHz. By it a model can tell the end of an utterance from the place
    where a growing one goes on, though the sound ends with the last word in both.
    """
    source = item.source
    if not samples or isinstance(source, tuple) or (item.place is not None and not item.place.is_last):
        return source
    return np.concatenate((source, background(source, samples)))


def background(source: Samples, samples: int) -> Samples:
    """The quietest piece of ``source``, repeated forwards and backwards, so that no edge is heard.

    Digital silence would not do: behind noise it is a sound of its own.
    """
    energy = np.concatenate(([0.0], np.cumsum(source.astype(np.float64) ** 2)))
    length = min(_QUIET_SAMPLES, len(source))
    start = int(np.argmin(energy[length:] - energy[:-length]))
    piece = source[start : start + length]
    return np.resize(np.concatenate((piece[::-1], piece)), samples)
