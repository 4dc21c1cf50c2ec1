"""Sounds without speech: what lies behind the training utterances, and the examples whose text is empty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from training.starter.sounds.oscillator import SINE, play, wavetable

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]


def white(count: int, rng: np.random.Generator) -> Samples:
    return rng.standard_normal(count, dtype=np.float32)


def colored(count: int, rng: np.random.Generator, exponent: float) -> Samples:
    """Noise whose power falls with frequency to the power `exponent`: 1 pink, 2 brown, 0.5 in between."""
    length = scipy.fft.next_fast_len(count, real=True)
    spectrum = scipy.fft.rfft(white(length, rng))
    frequency = scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE).astype(np.float32)
    spectrum *= np.maximum(frequency, 20.0) ** (-exponent / 2)
    return np.asarray(scipy.fft.irfft(spectrum, length)[:count], np.float32)


def hum(count: int, rng: np.random.Generator) -> Samples:
    """Mains or a machine: a low tone with harmonics, in a little noise."""
    base_hz = float(rng.choice([50.0, 60.0, rng.uniform(40, 200)]))
    tone = wavetable([rng.uniform(0, 1) / order for order in range(1, 12)], rng)
    return play(tone, base_hz, count) + np.float32(0.02) * white(count, rng)


def band(count: int, rng: np.random.Generator) -> Samples:
    """A band of noise whose loudness wanders: wind, traffic, a fan, water."""
    low = float(np.exp(rng.uniform(np.log(30), np.log(2500))))
    high = min(7600.0, low * float(rng.uniform(1.5, 8)))
    filtered = scipy.signal.sosfilt(
        scipy.signal.butter(2, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos"), white(count, rng)
    )
    points = rng.uniform(0.15, 1.0, max(2, count // 8000 + 2))
    envelope = np.interp(np.linspace(0, len(points) - 1, count), np.arange(len(points)), points)
    return np.asarray(filtered * envelope, np.float32)


def clicks(count: int, rng: np.random.Generator) -> Samples:
    """Keys, cutlery, knocks: short decaying bursts at random moments."""
    sound = 0.003 * white(count, rng)
    for _ in range(int(rng.integers(1, 3 + count // 4000))):
        start = int(rng.integers(0, count))
        length = min(count - start, int(rng.uniform(20, 2500)))
        decay = np.exp(-np.linspace(0, rng.uniform(3, 9), length))
        tone = np.sin(2 * np.pi * rng.uniform(80, 4000) * np.arange(length) / SAMPLE_RATE) * rng.uniform(0, 2)
        sound[start : start + length] += rng.uniform(0.1, 1) * decay * (white(length, rng) * 0.5 + tone)
    return np.asarray(sound, np.float32)


def tones(count: int, rng: np.random.Generator) -> Samples:
    """Beeps, dial tones, whistles that glide."""
    sample = np.arange(count, dtype=np.int32)
    sound = np.float32(0.002) * white(count, rng)
    for _ in range(int(rng.integers(1, 4))):
        start_hz = float(np.exp(rng.uniform(np.log(150), np.log(4000))))
        end_hz = start_hz * float(rng.uniform(0.6, 1.4)) if rng.random() < 0.4 else start_hz
        period = int(rng.uniform(0.1, 1.2) * SAMPLE_RATE)
        gate = sample % period < int(period * rng.uniform(0.3, 1.0))
        sound += (
            play(SINE, np.linspace(start_hz, end_hz, count), count) * gate * np.float32(rng.uniform(0.2, 1))
        )
    return sound


KINDS: dict[str, Callable[[int, np.random.Generator], Samples]] = {
    "white": white,
    "pink": lambda count, rng: colored(count, rng, 1.0),
    "brown": lambda count, rng: colored(count, rng, 2.0),
    "tilted": lambda count, rng: colored(count, rng, float(rng.uniform(0.2, 1.8))),
    "hum": hum,
    "band": band,
    "clicks": clicks,
    "tones": tones,
}


def make(kind: str, count: int, rng: np.random.Generator) -> Samples:
    """`count` samples of `kind` with a root mean square of 1 (clicks: a peak of 4)."""
    sound = KINDS[kind](count, rng)
    level = float(np.abs(sound).max()) / 4 if kind == "clicks" else float(np.sqrt(np.mean(sound**2)))
    return sound / np.float32(max(level, 1e-6))


def draw(count: int, rng: np.random.Generator) -> Samples:
    """A random kind, sometimes two together."""
    names = list(KINDS)
    sound = make(str(rng.choice(names)), count, rng)
    if rng.random() < 0.3:
        sound = sound + np.float32(rng.uniform(0.2, 1.0)) * make(str(rng.choice(names)), count, rng)
    return sound
