"""Decodes Opus packets with libopus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from translate_svc.audio.codecs.opus_library import open_libopus
from translate_svc.audio.codecs.opus_packet import opus_packet_samples
from translate_svc.audio.pcm import from_s16
from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext


class OpusDecoder:
    """Decodes one stream's packets, in order, to one of ``channels`` (1 or 2).

    A packet always decodes to the number of samples that its framing states. Opus has no checksum: damage
    inside frames gives noise of the right length, never an error. A frame without bytes is concealed from the
    audio before it; a relay can send one in place of a lost packet (redundancy for it in the next packet is
    not used). Mono packets fill both of two channels; stereo packets are averaged into one.
    """

    def __init__(self, channels: int = 1, channel: int = 1) -> None:
        self._channels = channels
        self._index = channel - 1
        self._context: AudioCodecContext | None = None

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Decodes one packet to samples ``[n]`` at 48 kHz, n from 120 to 5760.

        Raises:
            InvalidArgument: not one Opus packet. Names ``field``.
            Unsupported: PyAV is not installed.
        """
        expected_samples = opus_packet_samples(data, field=field)
        if self._context is None:
            self._context = open_libopus("r", self._channels)
        from av import FFmpegError, Packet

        try:
            frames = self._context.decode(Packet(data))
        except FFmpegError:
            raise InvalidArgument("is not one Opus packet", field=field) from None
        values = np.concatenate([frame.to_ndarray().reshape(-1, self._channels) for frame in frames])
        if len(values) != expected_samples:
            raise InvalidArgument("is not one Opus packet", field=field)
        return from_s16(values[:, self._index])
