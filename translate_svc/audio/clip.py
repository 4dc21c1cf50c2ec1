"""A whole clip -> mono samples."""

from __future__ import annotations

import numpy as np

from translate_svc.audio.codec import chunk_decoder, codec_of
from translate_svc.errors import OutOfRange
from translate_svc.types import AudioClip, Samples


def decode_clip(clip: AudioClip, *, field: str, max_samples: int) -> Samples:
    """Samples ``[n]`` of the channel to hear at the clip's own rate, n at most ``max_samples``.

    ``field`` is the clip's path in the wire contract. Its format has passed ``check_input_format``. How long
    it is follows from the sizes of its parts, and is checked before anything is decoded.

    Raises:
        InvalidArgument: torn samples, floats that are no audio, what is no packet. Names ``data``, or the
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
