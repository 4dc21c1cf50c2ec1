"""What happens to speech on its way to the service (rooms, microphones, telephone lines, other sounds), and
the recordings without speech whose right text is empty.

All functions take mono float32 samples at 16 kHz and leave their argument as it is; what they draw from `rng`
alone decides the result. Room, noise and channel come in the order in which sound meets them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy.fft
import soxr
from numpy.typing import NDArray

from training.starter.examples import foreign
from training.starter.sounds import compression, music, noise
from translate_svc.audio.codecs import g711

SAMPLE_RATE = 16_000
TELEPHONE_RATE = 8_000
Samples = NDArray[np.float32]
Speechless = Literal["silence", "noise", "music", "foreign"]

_ROOM_SHARE = 0.2
_BACKGROUND_SHARES = {"noise": 0.45, "babble": 0.1, "music": 0.05, "floor": 0.2, "none": 0.2}
_CHANNEL_SHARES = {"telephone": 0.2, "microphone": 0.25, "none": 0.55}
# The shipped weights lose 0 to 3 points of BLEU in codecs and narrow bands, 15 to 32 when clipped, 65 when
# babble is 5 dB below.
_WAY_SHARES = {"codec": 0.05, "band": 0.02, "clipped": 0.1, "none": 0.83}
_CROWDED_SHARE, _CROWDED_SNR_DB = 0.1, (1.0, 13.0)
_BAND_HZ = (2800.0, 6000.0)
_CLIPPED_AT = (0.05, 0.5)
_NOISE_SNR_DB, _BABBLE_SNR_DB = (5.0, 35.0), (10.0, 30.0)
_FLOOR_DBFS = (-90.0, -65.0)
_GAIN_DB = (-28.0, 6.0)
_EDGE_S = (0.0, 0.6)

_BABBLE_SEED, _BABBLE_TAKES, _BABBLE_TAKE_S = 77, 40, 3.0
_BABBLE_VOICES = (2, 6)

# Reverberation time (to -60 dB) in seconds, and how far the diffuse tail lies below the direct sound in dB.
_ROOMS: tuple[tuple[tuple[float, float], tuple[float, float]], ...] = (
    ((0.10, 0.30), (2.0, 14.0)),  # a car, a booth, a bathroom
    ((0.30, 0.60), (4.0, 16.0)),  # a furnished room, an office
    ((0.60, 1.20), (8.0, 18.0)),  # a hall, a staircase, a church
)
_REFLECTIONS, _FIRST_REFLECTION_S, _LAST_REFLECTION_S = 6, 0.002, 0.03


def worsen(samples: Samples, rng: np.random.Generator) -> Samples:
    """A random recording of clean speech: room, other sounds or a faint floor, channel, gain, 16 bits."""
    if rng.random() < _ROOM_SHARE:
        samples = reverberate(samples, rng)
    background = _draw(_BACKGROUND_SHARES, rng)
    if background == "noise":
        samples = with_noise(samples, float(rng.uniform(*_NOISE_SNR_DB)), rng)
    elif background == "babble":
        samples = with_babble(samples, float(rng.uniform(*_BABBLE_SNR_DB)), rng)
    elif background == "music":
        samples = _mixed(samples, music.make(len(samples), rng), float(rng.uniform(*_BABBLE_SNR_DB)))
    elif background == "floor":
        samples = samples + noise.white(len(samples), rng) * amplitude(float(rng.uniform(*_FLOOR_DBFS)))
    return quantize(_through_channel(samples, rng) * amplitude(float(rng.uniform(*_GAIN_DB))))


def with_noise(samples: Samples, signal_to_noise_db: float, rng: np.random.Generator) -> Samples:
    """`samples` with noise of a random kind, so far below the level of their part above -60 dBFS."""
    return _mixed(samples, noise.draw(len(samples), rng), signal_to_noise_db)


def with_babble(samples: Samples, signal_to_noise_db: float, rng: np.random.Generator) -> Samples:
    """`samples` with several other talkers behind them, so far below; what they say is of other languages."""
    takes = _takes()
    voices = np.zeros(len(samples), np.float32)
    for _ in range(int(rng.integers(*_BABBLE_VOICES))):
        start = int(rng.integers(takes.size))
        talk = np.take(takes, np.arange(start, start + len(samples)), mode="wrap")
        voices += talk * np.float32(rng.uniform(0.3, 1.0))
    return _mixed(samples, voices / np.float32(np.sqrt(np.mean(voices**2)) + 1e-9), signal_to_noise_db)


def reverberate(samples: Samples, rng: np.random.Generator) -> Samples:
    """In a room of random size: a few early reflections, then a diffuse tail that decays exponentially and
    the sooner the higher the frequency. The level of the direct sound stays; the end is cut to the length.
    """
    times, levels = _ROOMS[int(rng.integers(len(_ROOMS)))]
    seconds = float(rng.uniform(*times))
    length = int(seconds * SAMPLE_RATE)
    decay = np.exp(np.linspace(0, -6.9, length, dtype=np.float32))
    tail = noise.white(length, rng)
    dull = np.convolve(tail, np.full(4, 0.25, np.float32), mode="same")
    tail = decay * (dull + (tail - dull) * decay)
    response = tail * np.float32(amplitude(-float(rng.uniform(*levels))) / np.sqrt(np.sum(tail**2)))
    delays = rng.uniform(_FIRST_REFLECTION_S, _LAST_REFLECTION_S, _REFLECTIONS)
    response[: int(_FIRST_REFLECTION_S * SAMPLE_RATE)] = 0.0
    for delay in delays:
        strength = rng.choice([-1, 1]) * rng.uniform(0.1, 0.5) * np.exp(-delay / 0.02)
        response[int(delay * SAMPLE_RATE)] += strength
    response[0] = 1.0
    size = scipy.fft.next_fast_len(len(samples) + length, real=True)
    spectrum = scipy.fft.rfft(samples, size) * scipy.fft.rfft(response, size)
    return np.asarray(scipy.fft.irfft(spectrum, size)[: len(samples)], np.float32)


def telephone(samples: Samples, rng: np.random.Generator) -> Samples:
    """Over a telephone line: its band (about 300 to 3400 Hz), 8 kHz, G.711 by either law, back to 16 kHz.

    The level stays; on the line the loudest sample lies 1 to 24 dB below full scale.
    """
    low_hz, high_hz = np.float32(rng.uniform(60, 350)), np.float32(rng.uniform(3100, 3700))

    def line(frequency_hz: Samples) -> Samples:
        low_cut = 1 - 1 / (1 + (frequency_hz / low_hz) ** 6)
        return np.asarray(low_cut / np.sqrt(1 + (frequency_hz / high_hz) ** 30), np.float32)

    narrow = soxr.resample(_filtered(samples, line), SAMPLE_RATE, TELEPHONE_RATE)
    line_gain = amplitude(-float(rng.uniform(1, 24))) / np.float32(np.abs(narrow).max(initial=1e-6))
    if rng.random() < 0.5:
        companded = g711.from_mulaw(g711.to_mulaw(narrow * line_gain))
    else:
        companded = g711.from_alaw(g711.to_alaw(narrow * line_gain))
    return _fitted(soxr.resample(companded / line_gain, TELEPHONE_RATE, SAMPLE_RATE), len(samples))


def microphone(samples: Samples, rng: np.random.Generator) -> Samples:
    """A response that falls or rises by up to 4 dB an octave."""
    exponent = np.float32(rng.uniform(-4, 4) / 20 / np.log10(2))
    return _filtered(
        samples,
        lambda frequency_hz: np.asarray((np.maximum(frequency_hz, 60) / 1000) ** exponent, np.float32),
    )


def in_a_crowd(samples: Samples, rng: np.random.Generator) -> Samples:
    """Now and then with other talkers nearer than `worsen` puts them."""
    if rng.random() >= _CROWDED_SHARE:
        return samples
    return with_babble(samples, float(rng.uniform(*_CROWDED_SNR_DB)), rng)


def send_on(samples: Samples, rng: np.random.Generator) -> Samples:
    """What becomes of a recording on a random way to the service; a codec, a narrow band, an overload."""
    way = _draw(_WAY_SHARES, rng)
    return quantize(_WAYS[way](samples, rng)) if way in _WAYS else samples


def codec(samples: Samples, rng: np.random.Generator) -> Samples:
    """Through Opus at 6 to 24 kbit/s; no louder than full scale."""
    low, high = np.log(compression.OPUS_BITS_PER_S)
    gain = 0.9 / np.float32(max(0.9, np.abs(samples).max(initial=0.0)))
    return compression.opus(samples * gain, int(np.exp(rng.uniform(low, high)))) / gain


def band_limited(samples: Samples, rng: np.random.Generator) -> Samples:
    """Without what lies above 2.8 to 6 kHz: an old recording, a cheap headset, a wall."""
    high_hz = np.float32(rng.uniform(*_BAND_HZ))
    return _filtered(
        samples, lambda frequency_hz: np.asarray(1 / np.sqrt(1 + (frequency_hz / high_hz) ** 12), np.float32)
    )


def clipped(samples: Samples, rng: np.random.Generator) -> Samples:
    """Cut off at a twentieth to a half of its peak, and as loud at its peak as before."""
    peak = np.float32(np.abs(samples).max(initial=0.0))
    limit = np.float32(rng.uniform(*_CLIPPED_AT))
    return np.clip(samples, -peak * limit, peak * limit) / limit


def without_speech(kind: Speechless, rng: np.random.Generator, *, held_out: bool = False) -> Samples:
    """A recording whose right text is empty.

    silence: 0.25 to 6 s, digital or a faint floor. noise: as long, of any kind and level. music: 1 to 10 s.
    foreign: speech of other languages in the conditions of `worsen`, up to 13 s. `held_out` chooses
    instruments, languages and speakers that training never hears.
    """
    if kind == "foreign":
        speech = foreign.make(rng, held_out=held_out)
        before, after = (int(rng.uniform(*_EDGE_S) * SAMPLE_RATE) for _ in range(2))
        return worsen(np.pad(speech, (before, after)), rng)
    if kind == "music":
        piece = music.make(int(rng.uniform(1.0, 10.0) * SAMPLE_RATE), rng, held_out=held_out)
        return quantize(_through_channel(piece, rng) * amplitude(float(rng.uniform(-45, -12))))
    count = int(rng.uniform(0.25, 6.0) * SAMPLE_RATE)
    if kind == "silence":
        floor_dbfs = float(rng.choice([-200.0, rng.uniform(-90, -60)]))
        color = str(rng.choice(["white", "pink", "brown", "hum"]))
        return quantize(noise.make(color, count, rng) * amplitude(floor_dbfs))
    return quantize(_through_channel(noise.draw(count, rng), rng) * amplitude(float(rng.uniform(-60, -12))))


def quantize(samples: Samples) -> Samples:
    """Through 16-bit samples, as on the wire, clipping samples that are too loud."""
    steps = np.clip(np.round(samples * np.float32(32767)), -32768, 32767)
    return np.asarray(steps / np.float32(32768), np.float32)


def amplitude(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))


def _draw(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    return str(rng.choice(list(shares), p=list(shares.values())))


def _through_channel(samples: Samples, rng: np.random.Generator) -> Samples:
    channel = _draw(_CHANNEL_SHARES, rng)
    if channel == "telephone":
        return telephone(samples, rng)
    return microphone(samples, rng) if channel == "microphone" else samples


_WAYS: Mapping[str, Callable[[Samples, np.random.Generator], Samples]] = {
    "codec": codec,
    "band": band_limited,
    "clipped": clipped,
}


@lru_cache(maxsize=1)
def _takes() -> Samples:
    """Two minutes of other languages, every take as loud as the others, once a process."""
    rng = np.random.default_rng(_BABBLE_SEED)
    takes = [foreign.make(rng)[: int(_BABBLE_TAKE_S * SAMPLE_RATE)] for _ in range(_BABBLE_TAKES)]
    return np.concatenate([take / np.float32(np.sqrt(np.mean(take**2))) for take in takes])


def _mixed(samples: Samples, other: Samples, signal_to_noise_db: float) -> Samples:
    """`other` has a root mean square of 1; nothing is added where `samples` lie below -60 dBFS throughout."""
    sounding = samples[np.abs(samples) > 1e-3]
    level = float(np.sqrt(np.sum(sounding**2) / max(len(sounding), 1)))
    return samples + other * np.float32(level * amplitude(-signal_to_noise_db))


def _filtered(samples: Samples, gain: Callable[[Samples], Samples]) -> Samples:
    """Without delay; `gain` gives the factor at each of the frequencies in Hz."""
    size = scipy.fft.next_fast_len(len(samples), real=True)
    frequency_hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32)
    spectrum = scipy.fft.rfft(samples, size) * gain(frequency_hz)
    return np.asarray(scipy.fft.irfft(spectrum, size)[: len(samples)], np.float32)


def _fitted(samples: Samples, count: int) -> Samples:
    return samples[:count] if len(samples) >= count else np.pad(samples, (0, count - len(samples)))
