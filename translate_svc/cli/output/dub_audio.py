"""The sound of a dub: speech at an even loudness, alone or over the original."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from translate_svc.audio.resampler import Resampler
from translate_svc.audio.timed_planes import Planes
from translate_svc.cli.output.loudness import gain_of
from translate_svc.types import Samples

_BLOCKS_PER_S = 10
_SPEECH_DBFS = -50.0
_FADE_BLOCKS = 3


def dub_blocks(
    dub: Path, rate_hz: int, channels: int, original: Iterator[Planes] | None = None, duck_db: float = 0.0
) -> Iterator[Planes]:
    """The dub of the WAV file ``dub`` in blocks of about 100 ms, at EBU R 128's loudness.

    Args:
        dub: with as many channels, or with one, which is then heard on all.
        rate_hz: sample rate of the blocks.
        channels: of the blocks.
        original: sounds at its own level, and by ``duck_db`` quieter while the dub speaks. It begins to fade
            0.3 s before.
        duck_db: negative.
    """
    with soundfile.SoundFile(dub) as file:
        # on both sides of a stereo track the same speech is 3 dB louder
        gain = np.float32(gain_of(dub) / np.sqrt(channels / file.channels))
        ducked = None if original is None else _Ducked(original, _speaking(file), duck_db, rate_hz)
        resamplers = [Resampler(file.samplerate, rate_hz) for _ in range(file.channels)]
        file.seek(0)
        for speech in _resampled(file, resamplers):
            block = np.repeat(speech * gain, channels // len(speech), axis=0)
            if ducked is not None:
                block += ducked.take(block.shape[1])
            if block.shape[1]:
                yield np.clip(block, -1.0, 1.0)


def _resampled(file: soundfile.SoundFile, resamplers: list[Resampler]) -> Iterator[Planes]:
    for block in _read(file):
        channels = block.reshape(len(block), -1).T
        yield np.stack([each.push(one) for each, one in zip(resamplers, channels, strict=True)])
    yield np.stack([each.flush() for each in resamplers])


def _read(file: soundfile.SoundFile) -> Iterator[Samples]:
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

    def __init__(
        self, original: Iterator[Planes], speaking: npt.NDArray[np.float32], duck_db: float, rate_hz: int
    ) -> None:
        self._original = original
        self._rate_hz = rate_hz
        self._gains = 1 - speaking * np.float32(1 - 10 ** (duck_db / 20))
        self._rest: Planes = np.zeros((2, 0), np.float32)
        self._position = 0

    def take(self, samples: int) -> Planes:
        """The next ``samples``; silence after the end of the original."""
        parts, count = [self._rest], self._rest.shape[1]
        while count < samples and (block := next(self._original, None)) is not None:
            parts.append(block)
            count += block.shape[1]
        parts.append(np.zeros((2, max(0, samples - count)), np.float32))
        whole = np.concatenate(parts, axis=1)
        self._rest = whole[:, samples:]
        # the middles of the pieces of 100 ms, between which the gain changes evenly
        times = (self._position + np.arange(samples)) * _BLOCKS_PER_S / self._rate_hz - 0.5
        self._position += samples
        gains = np.interp(times, np.arange(len(self._gains)), self._gains).astype(np.float32)
        ducked: Planes = whole[:, :samples] * gains
        return ducked
