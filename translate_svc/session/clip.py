"""The audio of a clip, as the engine takes it."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.audio.clip import decode_clip
from translate_svc.audio.resampler import resample
from translate_svc.errors import OutOfRange
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, AudioClip, Samples


@dataclass(frozen=True, slots=True, eq=False)
class ClipAudio:
    """``samples`` at 16 kHz, and how many samples of the clip's own rate they were made of."""

    samples: Samples
    source_samples: int


def read_clip(clip: AudioClip, max_ms: int) -> ClipAudio:
    """Decodes and resamples a clip of at most ``max_ms``, as a stream of the same audio would.

    Raises:
        InvalidArgument: no audio, or not of the format that it claims. Names the field.
        OutOfRange: longer than ``max_ms``. Names the field.
        Unsupported: the codec's library is not installed.
    """
    rate_hz = clip.format.sample_rate_hz
    try:
        decoded = decode_clip(clip, field="clip", max_samples=max_ms * rate_hz // 1000)
    except OutOfRange as error:
        message = f"lasts longer than {max_ms} ms: use StreamingTranslate"
        raise OutOfRange(message, field=error.field) from None
    return ClipAudio(resample(decoded, rate_hz, INTERNAL_SAMPLE_RATE_HZ), len(decoded))
