"""The sound of a dub track in a film: speech at an even loudness, alone or over the original."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from translate_svc.audio.resampler import Resampler
from translate_svc.cli.media.loudness import LoudnessMeter

DUB_RATE_HZ = 48_000
_BLOCKS_PER_S = 10
_SPEECH_DBFS = -50.0
_FADE_BLOCKS = 3

Stereo = npt.NDArray[np.float32]
"""Samples ``[2, n]`` at ``DUB_RATE_HZ``."""


def dub_blocks(dub: Path, original: Iterator[Stereo] | None, duck_db: float) -> Iterator[Stereo]:
    """The dub of the WAV file ``dub`` in blocks of about 100 ms, at EBU R 128's loudness.

    ``original`` sounds at its own level, and by ``duck_db`` (negative) quieter while the dub speaks. It
    begins to fade 0.3 s before.
    """
    with soundfile.SoundFile(dub) as file:
        meter = LoudnessMeter(file.samplerate)
        meter.add(_read(file))
        # on both sides of a stereo track the same speech is 3 dB louder
        gain = np.float32(meter.gain / np.sqrt(2))
        ducked = None if original is None else _Ducked(original, _speaking(file), duck_db)
        resampler = Resampler(file.samplerate, DUB_RATE_HZ)
        file.seek(0)
        for speech in _resampled(file, resampler):
            stereo = np.repeat(speech[None] * gain, 2, axis=0)
            if ducked is not None:
                stereo += ducked.take(speech.shape[0])
            if stereo.shape[1]:
                yield np.clip(stereo, -1.0, 1.0)


def _resampled(file: soundfile.SoundFile, resampler: Resampler) -> Iterator[npt.NDArray[np.float32]]:
    for block in _read(file):
        yield resampler.push(block)
    yield resampler.flush()


def _read(file: soundfile.SoundFile) -> Iterator[npt.NDArray[np.float32]]:
    yield from file.blocks(file.samplerate // _BLOCKS_PER_S, dtype="float32")


def _speaking(file: soundfile.SoundFile) -> npt.NDArray[np.float32]:
    """For every 100 ms: 1 where the dub speaks or is about to, 0 elsewhere."""
    file.seek(0)
    levels = [float(np.square(block, dtype=np.float64).mean()) for block in _read(file)]
    loud = 10 * np.log10(np.maximum(levels, 1e-12)) > _SPEECH_DBFS
    wide = np.convolve(loud, np.ones(2 * _FADE_BLOCKS + 1), "same") > 0
    return wide.astype(np.float32)


class _Ducked:
    """The original, quieter where the dub speaks."""

    def __init__(self, original: Iterator[Stereo], speaking: npt.NDArray[np.float32], duck_db: float) -> None:
        self._original = original
        self._gains = 1 - speaking * np.float32(1 - 10 ** (duck_db / 20))
        self._rest: Stereo = np.zeros((2, 0), np.float32)
        self._position = 0

    def take(self, samples: int) -> Stereo:
        """The next ``samples``; silence after the end of the original."""
        parts, count = [self._rest], self._rest.shape[1]
        while count < samples and (block := next(self._original, None)) is not None:
            parts.append(block)
            count += block.shape[1]
        parts.append(np.zeros((2, max(0, samples - count)), np.float32))
        whole = np.concatenate(parts, axis=1)
        self._rest = whole[:, samples:]
        # the middles of the pieces of 100 ms, between which the gain changes evenly
        times = (self._position + np.arange(samples)) * _BLOCKS_PER_S / DUB_RATE_HZ - 0.5
        self._position += samples
        gains = np.interp(times, np.arange(len(self._gains)), self._gains).astype(np.float32)
        ducked: Stereo = whole[:, :samples] * gains
        return ducked
