"""What a model hears of a source: speech at its speed, and what follows the last sound of an utterance."""

from __future__ import annotations

import numpy as np

from translate_svc.engine.plan import EncodeItem
from translate_svc.types import EncoderSource, Samples

_QUIET_SAMPLES = 1_600
"""The piece that is repeated, 0.1 s: as long as the shortest source, and shorter than most pauses."""


def heard_source(item: EncodeItem, padding_samples: int) -> EncoderSource:
    """The source of an item as the model hears it: at its speed, and speech that has ended is followed by its
    background.

    ``padding_samples``: how much of it, at 16 kHz. By it a model can tell the end of an utterance from the
    place where a growing one goes on, though the sound ends with the last word in both.
    """
    source = item.source
    if isinstance(source, tuple):
        return source
    if item.speed != 1:
        source = at_speed(source, item.speed)
    if not padding_samples or (item.place is not None and not item.place.is_last):
        return source
    return np.concatenate((source, background(source, padding_samples)))


def at_speed(source: Samples, speed: float) -> Samples:
    """Speech as it sounds so many times as fast, and high: resampled by its spectrum (Fourier's method)."""
    count = max(1, round(len(source) / speed))
    bins = np.zeros(count // 2 + 1, np.complex128)
    spectrum = np.fft.rfft(source.astype(np.float64))[: len(bins)]
    bins[: len(spectrum)] = spectrum
    return (np.fft.irfft(bins, count) * (count / len(source))).astype(np.float32)


def background(source: Samples, samples: int) -> Samples:
    """The quietest piece of ``source``, repeated forwards and backwards, so that no edge is heard.

    Digital silence would not do: behind noise it is a sound of its own.
    """
    energy = np.concatenate(([0.0], np.cumsum(source.astype(np.float64) ** 2)))
    length = min(_QUIET_SAMPLES, len(source))
    start = int(np.argmin(energy[length:] - energy[:-length]))
    piece = source[start : start + length]
    return np.resize(np.concatenate((piece[::-1], piece)), samples)
