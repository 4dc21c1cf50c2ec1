"""A stream's speech as a listener hears it: one track, with the silences in which nothing had come yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from benchmarks.quality.measures.scores import word_error_rate
from benchmarks.quality.pipeline import settings_for, translate
from benchmarks.simultaneous.monologues import SAMPLES_PER_MS, Monologue
from benchmarks.simultaneous.speech import Played, StreamSpeech, ends_sentence, word_sounds_ms
from benchmarks.simultaneous.words import Word
from translate_svc.service import Service
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples, Segmentation

LONG_PAUSE_MS = 500
_FRAME_MS = 10
_QUIET_BELOW_LOUD_DB = 35.0


def track_of(played: Sequence[Played]) -> Samples:
    """All that sounded, each piece at its time; ``[n]`` at 16 kHz, from the start of the stream."""
    ends = [round(each.starts_ms * SAMPLES_PER_MS) + len(each.sound.samples) for each in played]
    track = np.zeros(max(ends, default=0), np.float32)
    for piece, end in zip(played, ends, strict=True):
        track[end - len(piece.sound.samples) : end] = piece.sound.samples
    return track


def long_pauses(track: Samples, words: Sequence[Word], speech: StreamSpeech, played: Sequence[Played]) -> int:
    """How often a sentence is interrupted by more than ``LONG_PAUSE_MS`` of quiet."""
    frame = _FRAME_MS * SAMPLES_PER_MS
    whole = track[: len(track) // frame * frame].reshape(-1, frame)
    levels_db = 10 * np.log10((whole**2).mean(axis=1) + 1e-12)
    quiet = levels_db < np.percentile(levels_db, 95) - _QUIET_BELOW_LOUD_DB
    moments = word_sounds_ms(words, speech, played)
    count = 0
    for (word, start_ms), (_, end_ms) in pairwise(zip(words, moments, strict=True)):
        if not ends_sentence(word.text) and np.isfinite([start_ms, end_ms]).all():
            between = quiet[round(start_ms / _FRAME_MS) : round(end_ms / _FRAME_MS)]
            count += _longest_run(between) * _FRAME_MS > LONG_PAUSE_MS
    return count


async def whole_track_wer(service: Service, monologue: Monologue, language: str, track: Samples) -> float:
    """The service's transcript of the track, cut as it cuts a file, against the reference, in per cent."""
    settings = dataclasses.replace(
        settings_for(language, (), transcript=True, manual=False), segmentation=Segmentation.HINDSIGHT
    )
    tail = np.zeros(INTERNAL_SAMPLE_RATE_HZ, np.float32)
    heard = await translate(service, np.concatenate([track, tail]), settings)
    reference = " ".join(each.texts[language] for each in monologue.sentences)
    return word_error_rate([reference], [heard.transcript])


def _longest_run(flags: np.ndarray) -> int:
    longest = run = 0
    for each in flags:
        run = run + 1 if each else 0
        longest = max(longest, run)
    return longest
