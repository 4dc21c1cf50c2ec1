"""Samples -> Opus packets, by libopus."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from translate_svc.audio.codecs.frame_encoder import FrameEncoder
from translate_svc.audio.codecs.opus_library import open_libopus
from translate_svc.audio.codecs.opus_packet import OPUS_FRAMING

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

OPUS_LOOKAHEAD_SAMPLES = 312
"""By which what libopus encodes comes out late: 6.5 ms, for VoIP and for audio."""

PACKET_SAMPLES = 960
"""20 ms."""

_BITS_PER_S = 24_000
_OPTIONS = {"application": "voip", "frame_duration": "20", "compression_level": "5", "cutoff": "8000"}
"""Wideband: there is nothing above 8 kHz in what the service hears and says. One core encodes a second of
speech in 7 ms; level 10 takes twice that for the same bytes.
"""


class OpusEncoder(FrameEncoder):
    """Encodes one signal at 48 kHz into packets of 20 ms; keeps what does not fill a packet.

    After ``flush`` the next signal may begin in the same succession of packets.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__(
            OPUS_FRAMING,
            functools.partial(_open_encoder, channels),
            frame_samples=PACKET_SAMPLES,
            lookahead_samples=OPUS_LOOKAHEAD_SAMPLES,
            channels=channels,
        )


def _open_encoder(channels: int) -> AudioCodecContext:
    context = open_libopus("w", channels, _OPTIONS)
    context.bit_rate = _BITS_PER_S * channels
    return context
