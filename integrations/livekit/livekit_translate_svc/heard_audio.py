"""Audio of any rate and number of channels, as the server takes it."""

from __future__ import annotations

import array

from livekit import rtc

RATE_HZ = 24_000


class HeardAudio:
    """Turns frames into 16-bit PCM with one channel at ``RATE_HZ``."""

    def __init__(self) -> None:
        self._resampler: rtc.AudioResampler | None = None
        self._rate_hz = RATE_HZ

    def convert(self, frame: rtc.AudioFrame) -> bytes:
        """The samples of ``frame``, less what the resampler still holds."""
        mono = _mono(frame)
        if frame.sample_rate != self._rate_hz:
            self._rate_hz = frame.sample_rate
            self._resampler = None
            if frame.sample_rate != RATE_HZ:
                self._resampler = rtc.AudioResampler(input_rate=frame.sample_rate, output_rate=RATE_HZ)
        if self._resampler is None:
            return bytes(mono.data)
        return b"".join(bytes(part.data) for part in self._resampler.push(mono))


def _mono(frame: rtc.AudioFrame) -> rtc.AudioFrame:
    """The mean of the channels."""
    count = frame.num_channels
    if count == 1:
        return frame
    samples = array.array("h", bytes(frame.data))
    mean = array.array("h", (sum(samples[at : at + count]) // count for at in range(0, len(samples), count)))
    return rtc.AudioFrame(mean.tobytes(), frame.sample_rate, 1, len(mean))
