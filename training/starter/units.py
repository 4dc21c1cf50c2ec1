"""Discrete units: what the text-to-unit stage predicts and the vocoder turns into sound, one per 20 ms.

A unit is the nearest of the centres to a log-mel spectrum of speaker 0. The spectra are standardised per
language first, so that the four languages share the units as far as their sounds are alike; the vocoder is
told the language and the speaker.

`python -m training.starter.units` writes build/starter/units.npz.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from training.starter.grammar import LANGUAGES, Language
from training.starter.model_config import UNIT_COUNT
from training.starter.synthesis.synth import SAMPLE_RATE
from training.starter.synthesis.target_speech import TargetSpeech, hop_centres, speak

UNUSED_UNIT = 1
"""Equals the vocoder's pad id, which would shorten the lengths that transformers computes."""

DEFAULT_PATH = Path("build/starter/units.npz")

_WINDOW_SAMPLES, _FFT_SAMPLES, _MEL_BINS = 640, 1024, 64
_FLOOR = 1e-4
_TEXTS_PER_LANGUAGE = 500


def log_mel(samples: NDArray[np.float32], centres: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """(count, 64) natural log of mel amplitudes in windows of 40 ms around `centres`, which are samples.

    By default one window a hop of 20 ms, around its middle. Around `samples` is silence.
    """
    places = hop_centres(len(samples)) if centres is None else centres
    padded = np.pad(samples, _WINDOW_SAMPLES // 2)
    starts = np.clip(np.rint(places).astype(np.int64), 0, len(samples))
    frames = padded[starts[:, None] + np.arange(_WINDOW_SAMPLES)]
    spectrum = np.abs(scipy.fft.rfft(frames * np.hanning(_WINDOW_SAMPLES).astype(np.float32), _FFT_SAMPLES))
    return np.asarray(np.log(spectrum @ mel_filters(_FFT_SAMPLES, _MEL_BINS) + _FLOOR), np.float32)


@lru_cache
def mel_filters(fft_samples: int, mel_bins: int) -> NDArray[np.float32]:
    """(fft_samples // 2 + 1, mel_bins): triangles on the HTK mel scale from 40 Hz up, each of sum 1.

    A triangle too narrow to hold a bin takes the bin nearest to its centre.
    """
    hertz = np.arange(fft_samples // 2 + 1) * SAMPLE_RATE / fft_samples
    lowest, highest = (2595.0 * math.log10(1.0 + limit / 700.0) for limit in (40.0, SAMPLE_RATE / 2))
    corners = 700.0 * (10.0 ** (np.linspace(lowest, highest, mel_bins + 2) / 2595.0) - 1.0)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (hertz[:, None] - left) / (centre - left)
    falling = (right - hertz[:, None]) / (right - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    for index in np.flatnonzero(filters.sum(axis=0) == 0):
        filters[np.abs(hertz - centre[index]).argmin(), index] = 1.0
    return np.asarray(filters / filters.sum(axis=0), np.float32)


@dataclass(frozen=True, slots=True)
class UnitCodebook:
    """`centres`: (unit count - 1, 64). `means`, `scales`: per language (64,), of speaker 0's log-mel."""

    centres: NDArray[np.float32]
    means: Mapping[Language, NDArray[np.float32]]
    scales: Mapping[Language, NDArray[np.float32]]

    def units_of(
        self, samples: NDArray[np.float32], language: Language, centres: NDArray[np.float64] | None = None
    ) -> NDArray[np.int64]:
        """(count,) unit indices without 1, one a place of `log_mel`; `samples` are speech of speaker 0."""
        frames = (log_mel(samples, centres) - self.means[language]) / self.scales[language]
        distances = (self.centres**2).sum(axis=1) - 2.0 * frames @ self.centres.T
        nearest = distances.argmin(axis=1)
        return np.asarray(nearest + (nearest >= UNUSED_UNIT), np.int64)

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> UnitCodebook:
        with np.load(path) as data:
            means: dict[Language, NDArray[np.float32]] = {code: data[f"mean_{code}"] for code in LANGUAGES}
            scales: dict[Language, NDArray[np.float32]] = {code: data[f"scale_{code}"] for code in LANGUAGES}
            return cls(data["centres"], means, scales)

    def save(self, path: Path) -> None:
        arrays = {"centres": self.centres}
        for code in self.means:
            arrays |= {f"mean_{code}": self.means[code], f"scale_{code}": self.scales[code]}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **arrays)  # type: ignore[arg-type]


def train(texts_per_language: int = _TEXTS_PER_LANGUAGE, seed: int = 11) -> UnitCodebook:
    """k-means over the standardised log-mel frames of speaker 0 in all languages."""
    rng = np.random.default_rng(seed)
    speech = TargetSpeech()
    means: dict[Language, NDArray[np.float32]] = {}
    scales: dict[Language, NDArray[np.float32]] = {}
    standardised = []
    for language in LANGUAGES:
        texts = (speech.draw(rng, language)[1] for _ in range(texts_per_language))
        frames = np.concatenate([log_mel(speak(text, language).samples) for text in texts])
        means[language] = frames.mean(axis=0)
        # One scale for all bins: loud bins keep their weight against those that hold little but noise.
        scales[language] = np.full_like(means[language], frames.std())
        standardised.append((frames - means[language]) / scales[language])
    kmeans = MiniBatchKMeans(UNIT_COUNT - 1, batch_size=8192, n_init=2, max_iter=60, random_state=seed)
    kmeans.fit(np.concatenate(standardised))
    return UnitCodebook(kmeans.cluster_centers_.astype(np.float32), means, scales)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=DEFAULT_PATH)
    arguments = parser.parse_args()
    if arguments.out.exists():
        print(f"{arguments.out} exists")
        return
    train().save(arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    main()
