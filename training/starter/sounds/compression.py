"""What a voice codec at low rates leaves of speech."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from translate_svc.audio.codecs.opus_library import open_libopus
from translate_svc.audio.codecs.opus_packet import OPUS_SAMPLE_RATE_HZ
from translate_svc.audio.pcm import from_s16, to_s16

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]

OPUS_BITS_PER_S = (6_000, 24_000)
_PACKET_SAMPLES = 960
_LOOKAHEAD_SAMPLES = 312
_OPTIONS = {"application": "voip", "frame_duration": "20", "compression_level": "3", "cutoff": "8000"}


def opus(samples: Samples, bits_per_s: int) -> Samples:
    """`samples` at 16 kHz through libopus at `bits_per_s` and back; as long as before, and not later."""
    from av import AudioFrame, Packet

    wide = soxr.resample(samples, SAMPLE_RATE, OPUS_SAMPLE_RATE_HZ)
    count = -(-(len(wide) + _LOOKAHEAD_SAMPLES) // _PACKET_SAMPLES) * _PACKET_SAMPLES
    wide = np.pad(wide, (0, count - len(wide)))
    encoder, decoder = open_libopus("w", 1, _OPTIONS), open_libopus("r", 1)
    encoder.bit_rate = bits_per_s
    decoded = []
    for start in range(0, count, _PACKET_SAMPLES):
        block = to_s16(wide[start : start + _PACKET_SAMPLES]).reshape(1, -1)
        frame = AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate = OPUS_SAMPLE_RATE_HZ
        for packet in encoder.encode(frame):
            decoded += [each.to_ndarray().reshape(-1) for each in decoder.decode(Packet(bytes(packet)))]
    heard = from_s16(np.concatenate(decoded))[_LOOKAHEAD_SAMPLES : _LOOKAHEAD_SAMPLES + len(wide)]
    narrow = soxr.resample(heard, OPUS_SAMPLE_RATE_HZ, SAMPLE_RATE).astype(np.float32)
    return np.pad(narrow, (0, max(0, len(samples) - len(narrow))))[: len(samples)]
