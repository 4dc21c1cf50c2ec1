"""Music without singing: chords, melodies, basses and drums of random pieces, where the right text is empty.

Every call makes a new piece. Whole kinds of instruments and of scales are held out for evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.starter.sounds import noise
from training.starter.sounds.oscillator import SINE, play, wavetable

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]
Span = tuple[float, float]

_TOP_HZ = 7000.0
_TEMPO_BPM: Span = (55.0, 170.0)
_PART_SHARES = {"melody": 0.75, "chords": 0.65, "bass": 0.45, "drums": 0.4}
_BEATS_A_BAR = (3, 4, 4)
_RELEASE_S = 0.04


@dataclass(frozen=True, slots=True)
class Instrument:
    """A kind of sound; every piece draws its own from these spans.

    Harmonic k has the amplitude k ** -`roll_off`, times `even` where k is even. `decay_s` is the time to a
    third of the loudness, none where the tone is held. `vibrato_cents` is how far it swings to either side.
    """

    roll_off: Span
    even: float
    attack_s: Span
    decay_s: Span | None
    vibrato_cents: Span = (0.0, 0.0)


TRAIN_INSTRUMENTS: Mapping[str, Instrument] = {
    "organ": Instrument((0.6, 1.6), 1.0, (0.005, 0.03), None),
    "strings": Instrument((0.9, 1.4), 1.0, (0.06, 0.25), None, (5.0, 30.0)),
    "flute": Instrument((2.0, 3.2), 0.8, (0.03, 0.1), None, (0.0, 25.0)),
    "guitar": Instrument((1.1, 2.0), 1.0, (0.002, 0.006), (0.15, 0.8)),
    "marimba": Instrument((2.5, 4.0), 0.2, (0.001, 0.004), (0.08, 0.3)),
    "lead": Instrument((0.8, 1.1), 0.0, (0.003, 0.02), None, (0.0, 15.0)),
}
HELD_OUT_INSTRUMENTS: Mapping[str, Instrument] = {
    "piano": Instrument((1.4, 2.2), 0.9, (0.002, 0.008), (0.4, 1.6)),
    "clarinet": Instrument((0.9, 1.3), 0.15, (0.02, 0.06), None, (0.0, 8.0)),
    "brass": Instrument((0.3, 0.8), 1.0, (0.03, 0.08), None, (0.0, 20.0)),
}
# Steps of a scale in semitones.
TRAIN_SCALES: tuple[tuple[int, ...], ...] = (
    (0, 2, 4, 5, 7, 9, 11),
    (0, 2, 3, 5, 7, 8, 10),
    (0, 2, 4, 7, 9),
    (0, 2, 3, 5, 7, 8, 11),
)
HELD_OUT_SCALES: tuple[tuple[int, ...], ...] = ((0, 2, 3, 5, 7, 9, 10), (0, 3, 5, 6, 7, 10))


def make(count: int, rng: np.random.Generator, *, held_out: bool = False) -> Samples:
    """`count` samples of one piece with a root mean square of 1."""
    piece = _Piece(count, rng, held_out=held_out)
    parts = [part for part, share in _PART_SHARES.items() if rng.random() < share] or ["melody"]
    for part in parts:
        getattr(piece, part)()
    sound = piece.sound
    return sound / np.float32(max(float(np.sqrt(np.mean(sound**2))), 1e-6))


@dataclass(frozen=True, slots=True)
class _Tone:
    """An instrument as one piece has it. `table` belongs to low tones, the last to the highest."""

    tables: tuple[Samples, ...]
    attack_s: float
    decay_s: float
    vibrato_cents: float
    vibrato_hz: float

    @classmethod
    def draw(cls, instrument: Instrument, rng: np.random.Generator) -> _Tone:
        exponent = rng.uniform(*instrument.roll_off)
        amplitudes = np.arange(1, 33) ** -exponent * rng.uniform(0.6, 1.0, 32)
        amplitudes[1::2] *= instrument.even
        return cls(
            tuple(wavetable(amplitudes[: 32 >> octave].tolist()) for octave in range(6)),
            float(rng.uniform(*instrument.attack_s)),
            float(rng.uniform(*instrument.decay_s)) if instrument.decay_s else np.inf,
            float(rng.uniform(*instrument.vibrato_cents)),
            float(rng.uniform(4.0, 7.0)),
        )

    def note(self, frequency_hz: float, count: int) -> Samples:
        """With its attack, its decay and a short release."""
        octave = max(0, int(np.ceil(np.log2(32 * frequency_hz / _TOP_HZ))))
        table = self.tables[min(octave, len(self.tables) - 1)]
        if self.vibrato_cents > 1:
            swing = play(SINE, self.vibrato_hz, count) * (self.vibrato_cents / 1200)
            sound = play(table, frequency_hz * 2.0**swing, count)
        else:
            sound = play(table, frequency_hz, count)
        time_s = np.arange(count, dtype=np.float32) / np.float32(SAMPLE_RATE)
        envelope = np.minimum(time_s / self.attack_s, 1) * np.minimum((time_s[::-1]) / _RELEASE_S, 1)
        if np.isfinite(self.decay_s):
            envelope *= np.exp(-time_s / np.float32(self.decay_s))
        return np.asarray(sound * envelope, np.float32)


class _Piece:
    """One key, one tempo, one row of chords; its parts add to `sound`."""

    def __init__(self, count: int, rng: np.random.Generator, *, held_out: bool) -> None:
        self._rng = rng
        instruments = HELD_OUT_INSTRUMENTS if held_out else TRAIN_INSTRUMENTS
        self._kinds = list(instruments.values())
        scales = HELD_OUT_SCALES if held_out else TRAIN_SCALES
        self._scale = scales[int(rng.integers(len(scales)))]
        self._root = int(rng.integers(45, 57))  # MIDI
        self._beat = int(SAMPLE_RATE * 60 / rng.uniform(*_TEMPO_BPM))
        self._bar = self._beat * int(rng.choice(_BEATS_A_BAR))
        bar_count = -(-count // self._bar)
        row = rng.integers(0, len(self._scale), int(rng.integers(2, 5)))
        self._chords = [int(row[bar % len(row)]) for bar in range(bar_count)]
        self.sound = np.zeros(count, np.float32)

    def melody(self) -> None:
        """A walk over the scale, in beats, halves of them and longer tones, with rests."""
        tone, gain = self._tone(), self._rng.uniform(0.5, 1.0)
        lengths = np.array([0.5, 1.0, 1.5, 2.0]) * self._beat
        usual = self._rng.dirichlet([2.0, 2.0, 0.7, 1.0])
        degree, start = int(self._rng.integers(5, 12)), 0
        while start < len(self.sound):
            length = int(self._rng.choice(lengths, p=usual))
            if self._rng.random() < 0.88:
                self._add(tone, degree, start, int(length * self._rng.uniform(0.6, 1.1)), gain)
            degree = int(np.clip(degree + self._rng.integers(-3, 4), 2, 17))
            start += length

    def chords(self) -> None:
        """Held for a bar, struck on every beat, or broken into single tones."""
        tone, gain = self._tone(), self._rng.uniform(0.2, 0.5)
        style = str(self._rng.choice(["held", "struck", "broken"]))
        tones = (0, 2, 4, 6)[: int(self._rng.integers(3, 5))]
        step = {"held": self._bar, "struck": self._beat, "broken": self._beat // 2}[style]
        for index, start in enumerate(range(0, len(self.sound), step)):
            base = self._chords[start // self._bar]
            for offset in tones if style != "broken" else (tones[index % len(tones)],):
                self._add(tone, base + offset, start, step, gain)

    def bass(self) -> None:
        tone, gain = self._tone(), self._rng.uniform(0.4, 0.9)
        step = self._beat * int(self._rng.choice([1, 1, 2]))
        for start in range(0, len(self.sound), step):
            self._add(tone, self._chords[start // self._bar] - len(self._scale), start, step, gain)

    def drums(self) -> None:
        """A pattern of eighths that every bar repeats."""
        eighth = self._beat // 2
        places = self._bar // eighth
        gain = self._rng.uniform(0.3, 1.0)
        for hit in (self._kick(), self._snare(), self._cymbal()):
            pattern = self._rng.random(places) < self._rng.uniform(0.2, 0.8)
            for index, start in enumerate(range(0, len(self.sound), eighth)):
                if pattern[index % places]:
                    self._mix(hit, start, gain)

    def _kick(self) -> Samples:
        count = int(0.18 * SAMPLE_RATE)
        fall = np.linspace(self._rng.uniform(90, 160), 45, count)
        return play(SINE, fall, count) * np.exp(-np.linspace(0, 5, count, dtype=np.float32))

    def _snare(self) -> Samples:
        count = int(self._rng.uniform(0.08, 0.2) * SAMPLE_RATE)
        return (
            noise.white(count, self._rng)
            * np.exp(-np.linspace(0, 6, count, dtype=np.float32))
            * np.float32(0.4)
        )

    def _cymbal(self) -> Samples:
        hiss = noise.white(int(self._rng.uniform(0.03, 0.25) * SAMPLE_RATE), self._rng)
        high = np.diff(hiss, prepend=hiss[:1])
        return high * np.exp(-np.linspace(0, 7, len(high), dtype=np.float32)) * np.float32(0.15)

    def _tone(self) -> _Tone:
        return _Tone.draw(self._kinds[int(self._rng.integers(len(self._kinds)))], self._rng)

    def _add(self, tone: _Tone, degree: int, start: int, count: int, gain: float) -> None:
        octave, step = divmod(degree, len(self._scale))
        midi = self._root + 12 * octave + self._scale[step]
        count = min(count, len(self.sound) - start)
        self._mix(tone.note(440.0 * 2.0 ** ((midi - 69) / 12), count), start, gain)

    def _mix(self, sound: Samples, start: int, gain: float) -> None:
        count = min(len(sound), len(self.sound) - start)
        self.sound[start : start + count] += sound[:count] * np.float32(gain)
