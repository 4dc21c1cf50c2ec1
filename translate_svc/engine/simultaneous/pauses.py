"""Finds pauses in speech, where a buffer may be cut between two sentences. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

_HOP_SAMPLES = INTERNAL_SAMPLE_RATE_HZ // 100
_WINDOW_HOPS = 10
"""100 ms: longer than the silence within most consonants, and no longer than a short pause."""
_ALIKE_DB = 3.0
_PAUSE_BELOW_SPEECH_DB = 12.0
_SILENCE = 1e-10


def last_pause(samples: Samples, first_sample: int, end_sample: int) -> int | None:
    """The sample in the middle of the last quiet window of 100 ms in ``[first_sample, end_sample)``.

    Quiet: at most 3 dB above the quietest window of the range. None if the range is shorter than 100 ms.
    ``samples``: ``[n]`` at 16 kHz; the returned index counts from their start.
    """
    levels_db = _levels_db(samples[first_sample:end_sample])
    return _middle(first_sample, _quiet(levels_db)[-1]) if len(levels_db) else None


def longest_pause(samples: Samples, first_sample: int) -> int | None:
    """The sample in the middle of the longest run of quiet windows of 100 ms from ``first_sample`` on.

    Quiet: at most 3 dB above the quietest window from there on. None if the quietest is less than 12 dB below
    the speech in ``samples``, or if there is none. ``samples``: ``[n]`` at 16 kHz.
    """
    levels_db = _levels_db(samples[first_sample:])
    if not len(levels_db):
        return None
    speech_db = np.percentile(_levels_db(samples), 90)
    if levels_db.min() > speech_db - _PAUSE_BELOW_SPEECH_DB:
        return None
    quiet = _quiet(levels_db)
    runs = np.split(quiet, np.flatnonzero(np.diff(quiet) > 1) + 1)
    longest = max(runs, key=len)
    return _middle(first_sample, longest[(len(longest) - 1) // 2])


def _quiet(levels_db: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    return np.flatnonzero(levels_db <= levels_db.min() + _ALIKE_DB)


def _middle(first_sample: int, window: np.intp) -> int:
    return first_sample + (int(window) + _WINDOW_HOPS // 2) * _HOP_SAMPLES


def _levels_db(samples: Samples) -> npt.NDArray[np.float64]:
    """The level in dB of each window of 100 ms. A window begins every 10 ms."""
    hops = len(samples) // _HOP_SAMPLES
    if hops < _WINDOW_HOPS:
        return np.empty(0)
    powers = (samples[: hops * _HOP_SAMPLES].astype(np.float64).reshape(hops, -1) ** 2).mean(axis=1)
    means = np.convolve(powers, np.full(_WINDOW_HOPS, 1 / _WINDOW_HOPS), mode="valid")
    levels: npt.NDArray[np.float64] = 10 * np.log10(means + _SILENCE)
    return levels
