"""The audio track of a client, as 16-bit PCM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from translate_svc.audio.mixer import Downmix

RATE_HZ = 48_000
"""Opus counts in this rate, whatever it carries (RFC 7587)."""

ON_ITS_WAY_S = 0.3
"""How long after the speaker's last word audio still comes: packets wait for each other to be decoded."""

_MAX_GAP_SAMPLES = 5 * RATE_HZ
_MIN_GAP_SAMPLES = RATE_HZ // 50


async def heard_audio(
    track: MediaStreamTrack, *, silent_s: float | None = None
) -> AsyncGenerator[bytes, None]:
    """The audio of ``track`` until it ends: one channel, little-endian, at ``RATE_HZ``.

    Audio lost on the way, or not sent because nobody spoke, becomes silence, so that positions stay those
    of the speaker's clock. A gap counts for five seconds at most: that ends any utterance.

    A gap is known when it ends. With ``silent_s`` it is told while it lasts, that much silence at a time: a
    person who is muted in the middle of a word has ended the utterance, too. Before the first sound there is
    no gap.
    """
    expected: int | None = None
    downmix = Downmix()
    while True:
        try:
            async with asyncio.timeout(None if expected is None else silent_s):
                frame = await track.recv()
        except TimeoutError:
            silent_samples = round((silent_s or 0) * RATE_HZ)
            yield bytes(2 * silent_samples)
            expected = (expected or 0) + silent_samples
            continue
        except MediaStreamError:
            return
        assert isinstance(frame, AudioFrame), "the offer had audio alone"
        samples = _one_channel(frame, downmix)
        position = frame.pts
        if position is not None:
            missing = 0 if expected is None else position - expected
            if missing >= _MIN_GAP_SAMPLES:
                yield bytes(2 * min(missing, _MAX_GAP_SAMPLES))
            expected = position + frame.samples
        yield samples


def _one_channel(frame: AudioFrame, downmix: Downmix) -> bytes:
    """The channels of an ``s16`` frame as one."""
    channels = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    if channels.shape[1] == 2:
        return bytes(downmix.mix(channels.T.astype(np.float32)).astype("<i2").tobytes())
    return bytes(channels.mean(axis=1).astype("<i2").tobytes())
