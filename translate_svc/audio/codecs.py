"""Bytes of the wire <-> mono float32 samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from translate_svc.errors import InvalidArgument, OutOfRange, Unsupported
from translate_svc.types import AudioFormat, Encoding, Samples

MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 48_000

_S16_FULL_SCALE = 32_768.0
_MAX_FLOAT_PEAK = 8.0
"""18 dB above full scale: no overshoot of a filter, but a float stream in another scale."""

_BYTES_PER_SAMPLE = {Encoding.PCM_S16LE: 2, Encoding.PCM_F32LE: 4}

SERVED_ENCODINGS = tuple(_BYTES_PER_SAMPLE)
"""What ``check_format`` lets through, in and out."""


def check_format(audio_format: AudioFormat, *, field: str) -> None:
    """Refuse what is not served; ``field`` is the format's path in the wire contract (``config.input``).

    Raises ``Unsupported`` for encodings not served yet, ``OutOfRange`` for rates outside of 8 to 48 kHz,
    ``InvalidArgument`` for anything but one channel.
    """
    bytes_per_sample(audio_format.encoding, field=f"{field}.encoding")
    if not MIN_SAMPLE_RATE_HZ <= audio_format.sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise OutOfRange(
            f"must be within [{MIN_SAMPLE_RATE_HZ}, {MAX_SAMPLE_RATE_HZ}]", field=f"{field}.sample_rate_hz"
        )
    if audio_format.channels != 1:
        raise InvalidArgument("must be 1: audio is mono", field=f"{field}.channels")


def bytes_per_sample(encoding: Encoding, *, field: str) -> int:
    """Bytes of one sample. Raises ``Unsupported`` for encodings not served yet."""
    size = _BYTES_PER_SAMPLE.get(encoding)
    if size is None:
        raise Unsupported(f"{encoding.value} is not served yet", field=field)
    return size


def decode(data: bytes, encoding: Encoding, *, field: str = "audio") -> Samples:
    """Samples ``[n]`` of one chunk, within [-1, 1] and finite; a chunk holds whole samples, possibly none.

    s16 is divided by 32768. f32 overshooting [-1, 1] is clipped. Raises ``InvalidArgument`` for torn
    samples, NaN, infinity, and floats so large that they are in another scale; ``Unsupported`` for encodings
    not served yet.
    """
    size = bytes_per_sample(encoding, field="config.input.encoding")
    if len(data) % size:
        raise InvalidArgument(f"{len(data)} bytes are no whole number of {size}-byte samples", field=field)
    if encoding is Encoding.PCM_S16LE:
        return np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(_S16_FULL_SCALE)
    samples = np.frombuffer(data, dtype="<f4").astype(np.float32)
    if not np.isfinite(samples).all():
        raise InvalidArgument("holds NaN or infinity", field=field)
    if len(samples) and float(np.abs(samples).max()) > _MAX_FLOAT_PEAK:
        raise InvalidArgument("is not in the scale of pcm_f32le, where full scale is 1.0", field=field)
    return np.clip(samples, -1.0, 1.0)


def encode(samples: Samples, encoding: Encoding) -> bytes:
    """Bytes of samples ``[n]``. s16: times 32768, rounded to nearest, clipped. f32: as they are.

    Raises ``Unsupported`` for encodings not served yet.
    """
    bytes_per_sample(encoding, field="config.output.encoding")
    if encoding is Encoding.PCM_F32LE:
        return samples.astype("<f4").tobytes()
    return to_s16(samples).tobytes()


def to_s16(samples: Samples) -> npt.NDArray[np.int16]:
    """Little-endian 16-bit samples ``[n]``, rounded to nearest and clipped. The inverse of decoding s16."""
    scaled = np.rint(samples * np.float32(_S16_FULL_SCALE))
    clipped: npt.NDArray[np.int16] = np.clip(scaled, -_S16_FULL_SCALE, _S16_FULL_SCALE - 1).astype("<i2")
    return clipped
