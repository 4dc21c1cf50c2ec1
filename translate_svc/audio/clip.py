"""Decodes a whole clip to mono samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from translate_svc.audio.codecs.table import chunk_decoder, codec_of
from translate_svc.audio.resampler import resample
from translate_svc.errors import OutOfRange
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, AudioClip, Samples


@dataclass(frozen=True, slots=True, eq=False)
class ClipAudio:
    """``samples`` ``[n]`` at 16 kHz. ``source_samples``: the length at the clip's own rate."""

    samples: Samples
    source_samples: int


def read_clip(clip: AudioClip, *, field: str, max_ms: int) -> ClipAudio:
    """Decodes and resamples a clip of at most ``max_ms``; the result equals that of a stream.

    Raises:
        InvalidArgument, OutOfRange, Unsupported: as ``decode_clip``.
    """
    rate_hz = clip.format.sample_rate_hz
    try:
        decoded = decode_clip(clip, field=field, max_samples=max_ms * rate_hz // 1000)
    except OutOfRange as error:
        message = f"lasts longer than {max_ms} ms: use StreamingTranslate"
        raise OutOfRange(message, field=error.field) from None
    return ClipAudio(resample(decoded, rate_hz, INTERNAL_SAMPLE_RATE_HZ), len(decoded))


def decode_clip(clip: AudioClip, *, field: str, max_samples: int) -> Samples:
    """Decodes the chosen channel to samples ``[n]`` at the clip's own rate, n at most ``max_samples``.

    ``field`` is the clip's path in the wire contract. Its format has passed ``check_input_format``. The
    length follows from the sizes of its parts, and is checked before anything is decoded.

    Raises:
        InvalidArgument: incomplete samples, invalid floats or an invalid packet. Names ``data``, or the
            packet.
        OutOfRange: more than ``max_samples``. Names ``data`` or ``packets``.
        Unsupported: the codec's library is not installed.
    """
    framing = codec_of(clip.format).framing
    whole = f"{field}.{framing.field_name}"
    parts = [(f"{field}.{framing.part_name(i)}", part) for i, part in enumerate(framing.parts(clip))]
    channels = clip.format.channels
    length_samples = sum(framing.count_samples(part, channels, field=name) for name, part in parts)
    if length_samples > max_samples:
        raise OutOfRange(f"holds more than {max_samples} samples", field=whole)
    decoder = chunk_decoder(clip.format)
    decoded = [decoder.decode(part, field=name) for name, part in parts]
    return np.concatenate((np.zeros(0, np.float32), *decoded))
