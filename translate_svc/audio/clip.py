"""A whole clip -> mono samples."""

from __future__ import annotations

import numpy as np

from translate_svc.audio.chunk_decoder import chunk_decoder
from translate_svc.audio.opus_packet import opus_packet_samples
from translate_svc.audio.sample_codec import bytes_per_frame
from translate_svc.errors import OutOfRange
from translate_svc.types import AudioClip, Encoding, Samples


def decode_clip(clip: AudioClip, *, field: str, max_samples: int) -> Samples:
    """Samples ``[n]`` of the channel to hear at the clip's own rate, n at most ``max_samples``.

    ``field`` is the clip's path in the wire contract. Its format has passed ``check_input_format``. How long
    it is follows from the sizes of its parts, and is checked before anything is decoded.

    Raises:
        InvalidArgument: torn samples, floats that are no audio, what is no Opus packet. Names ``data``, or
            the packet.
        OutOfRange: more than ``max_samples``. Names ``data`` or ``packets``.
        Unsupported: Opus, and its library is not installed.
    """
    if clip.format.encoding is Encoding.OPUS:
        parts = [(f"{field}.packets[{index}]", packet) for index, packet in enumerate(clip.packets)]
        length_samples = sum(opus_packet_samples(packet, field=name) for name, packet in parts)
        whole = f"{field}.packets"
    else:
        whole = f"{field}.data"
        parts = [(whole, clip.data)]
        length_samples = len(clip.data) // bytes_per_frame(clip.format)
    if length_samples > max_samples:
        raise OutOfRange(f"holds more than {max_samples} samples", field=whole)
    decoder = chunk_decoder(clip.format)
    decoded = [decoder.decode(part, field=name) for name, part in parts]
    return np.concatenate((np.zeros(0, np.float32), *decoded))
