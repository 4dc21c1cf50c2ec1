"""Audio files: WAV and FLAC in, WAV out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from translate_svc.audio.pcm import to_s16
from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples

_READABLE_FORMATS = ("WAV", "WAVEX", "FLAC")


def read_audio(path: Path) -> tuple[Samples, int]:
    """Returns the file's samples ``[n]``, channels averaged, and its sample rate in Hz.

    Raises ``InvalidArgument``, naming the file, if it does not exist or is neither WAV nor FLAC.
    """
    if not path.is_file():
        raise InvalidArgument("no such file", field=str(path))
    try:
        with soundfile.SoundFile(path) as file:
            if file.format not in _READABLE_FORMATS:
                raise InvalidArgument("is neither WAV nor FLAC", field=str(path))
            channels = file.read(dtype="float32", always_2d=True)
            rate_hz = int(file.samplerate)
    except soundfile.LibsndfileError as error:
        raise InvalidArgument("cannot be read as WAV or FLAC", field=str(path)) from error
    return np.ascontiguousarray(channels.mean(axis=1, dtype=np.float32)), rate_hz


def write_wav(path: Path, samples: Samples, sample_rate_hz: int) -> None:
    """Writes samples ``[n]`` as 16-bit mono WAV, clipped as in ``pcm.to_s16``."""
    soundfile.write(path, to_s16(samples), sample_rate_hz, subtype="PCM_16", format="WAV")
