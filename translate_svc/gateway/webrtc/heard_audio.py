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
"""How long after the speaker's last word audio still comes: packets wait for a lost one before them."""

MAX_GAP_S = 5.0
"""How long a gap counts at most: that ends any utterance."""

_MAX_GAP_SAMPLES = round(MAX_GAP_S * RATE_HZ)
_MIN_GAP_SAMPLES = RATE_HZ // 50


async def heard_audio(
    track: MediaStreamTrack, *, silent_s: float = 1.0, most_silent_s: float = MAX_GAP_S
) -> AsyncGenerator[bytes, None]:
    """The audio of ``track`` until it ends: one channel, little-endian, at ``RATE_HZ``.

    Audio lost on the way, or not sent because nobody spoke, becomes silence, so that positions stay those
    of the speaker's clock. A gap counts for five seconds at most: that ends any utterance.

    A gap of ``silent_s`` or more is told while it lasts, that much silence at a time and ``most_silent_s`` in
    all: a person who is muted in the middle of a word has ended the utterance, too. What was told is not told
    again when the gap ends. Before the first sound there is no gap.
    """
    expected: int | None = None
    told = 0  # silence that no gap accounts for yet
    silent_samples = round(silent_s * RATE_HZ)
    downmix = Downmix()
    while True:
        waits = expected is not None and told < most_silent_s * RATE_HZ
        try:
            async with asyncio.timeout(silent_s if waits else None):
                frame = await track.recv()
        except TimeoutError:
            yield bytes(2 * silent_samples)
            told += silent_samples
            continue
        except MediaStreamError:
            return
        assert isinstance(frame, AudioFrame), "the offer had audio alone"
        samples = _one_channel(frame, downmix)
        if (position := frame.pts) is not None:
            missing = 0 if expected is None else position - expected
            if missing >= _MIN_GAP_SAMPLES:
                if (untold := min(missing, _MAX_GAP_SAMPLES) - told) > 0:
                    yield bytes(2 * untold)
                told = max(0, told - missing)
            expected = position + frame.samples
        yield samples


def _one_channel(frame: AudioFrame, downmix: Downmix) -> bytes:
    """The channels of an ``s16`` frame as one."""
    channels = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    if channels.shape[1] == 2:
        return bytes(downmix.mix(channels.T.astype(np.float32)).astype("<i2").tobytes())
    return bytes(channels.mean(axis=1).astype("<i2").tobytes())
