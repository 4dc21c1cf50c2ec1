"""Speech from text: espeak-ng with word and phoneme times, and other, unrelated synthesizers.

Nothing here may be called from two threads at the same time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soxr

from training.starter.synthesis import espeak, other_synthesizers
from training.starter.synthesis.speech import SAMPLE_RATE, Phoneme, Samples, Speech, SynthesisError, Word
from training.starter.synthesis.voices import Voice

__all__ = [
    "SAMPLE_RATE",
    "Phoneme",
    "Samples",
    "Speech",
    "SynthesisError",
    "Word",
    "is_available",
    "missing_synthesizers",
    "synthesize",
]


def is_available() -> bool:
    """Whether libespeak-ng can be loaded here."""
    try:
        espeak.load()
    except SynthesisError:
        return False
    return True


def missing_synthesizers() -> tuple[str, ...]:
    """Those beside espeak-ng that are not installed: their voices raise SynthesisError."""
    return other_synthesizers.missing()


def synthesize(text: str, voice: Voice, *, edge_ms: float = 30.0, gain: float | None = None) -> Speech:
    """Speaks `text`; silence before the first and after the last sound is cut down to `edge_ms`.

    Equal calls give nearly equal samples: espeak carries a little state (pauses, flutter, wave phase) over
    from the call before. The peak is brought to 0.5 where it is higher, so that noise and gain can be added
    without clipping; with `gain` the samples are multiplied by it instead, which keeps a sound as loud in one
    sentence as in another. Raises SynthesisError.
    """
    speed = voice.tape_speed
    slower = replace(voice, rate_wpm=round(voice.rate_wpm / speed))
    raw = (
        espeak.speak(text, slower)
        if voice.synthesizer == "espeak"
        else other_synthesizers.speak(text, slower)
    )
    if speed != 1.0:
        raw = _played(raw, speed)
    peak = float(np.abs(raw.samples).max(initial=0.0))
    if peak < 1e-3:
        raise SynthesisError("text: the synthesizer gave silence for it")
    factor = min(1.0, 0.5 / peak) if gain is None else gain
    return _trim(replace(raw, samples=raw.samples * np.float32(factor)), edge_ms)


def _played(speech: Speech, speed: float) -> Speech:
    """At another speed of the tape: shorter, higher and brighter where it is above 1."""
    words = (
        replace(
            word, start_sample=round(word.start_sample / speed), end_sample=round(word.end_sample / speed)
        )
        for word in speech.words
    )
    phonemes = (
        replace(phoneme, start_sample=round(phoneme.start_sample / speed)) for phoneme in speech.phonemes
    )
    samples = soxr.resample(speech.samples, SAMPLE_RATE * speed, SAMPLE_RATE).astype(np.float32)
    return Speech(samples, tuple(words), tuple(phonemes))


def _trim(speech: Speech, edge_ms: float) -> Speech:
    sounding = np.flatnonzero(np.abs(speech.samples) > 1e-3)
    edge_samples = int(edge_ms * SAMPLE_RATE / 1000)
    start = max(0, int(sounding[0]) - edge_samples)
    end = min(len(speech.samples), int(sounding[-1]) + 1 + edge_samples)

    def moved(sample: int) -> int:
        return min(max(sample, start), end) - start

    words = (
        replace(word, start_sample=moved(word.start_sample), end_sample=moved(word.end_sample))
        for word in speech.words
    )
    phonemes = (replace(phoneme, start_sample=moved(phoneme.start_sample)) for phoneme in speech.phonemes)
    return Speech(speech.samples[start:end], tuple(words), tuple(phonemes))
