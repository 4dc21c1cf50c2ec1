"""Counts how much audio a stream's messages hold, and takes it from what the caller may send."""

from __future__ import annotations

import asyncio
from typing import Protocol

from translate_svc.audio.codecs.table import codec_of
from translate_svc.types import AudioFormat, AudioInput, ClientMessage, SilenceInput


class Draw(Protocol):
    """``AdmissionControl.draw`` for one caller."""

    async def __call__(self, seconds: float, /, *, patient: bool) -> float:
        """Takes seconds of audio and returns 0, or after how many seconds to ask again."""


class AudioMeter:
    """Draws the audio of one stream, message by message. Declared silence counts as audio."""

    def __init__(self, audio_format: AudioFormat, draw: Draw, patience_s: float = 0.0) -> None:
        """``patience_s``: how long in all the stream waits for audio that it may send."""
        self._format = audio_format
        self._framing = codec_of(audio_format).framing
        self._draw = draw
        self._patience_s = patience_s
        self.is_patient = patience_s > 0
        """Whether the stream waited. It is a file then, whose part is of no use."""

    async def take(self, message: ClientMessage) -> None:
        """Call with each message before it is taken.

        Raises:
            QuotaExceeded: no audio is left. Says when to continue.
            InvalidArgument: the audio is not of its format. Names the field.
        """
        seconds = self._seconds(message)
        while seconds and (wait_s := await self._draw(seconds, patient=self._patience_s > 0)) > 0:
            wait_s = min(wait_s, self._patience_s)
            self._patience_s -= wait_s
            await asyncio.sleep(wait_s)

    def _seconds(self, message: ClientMessage) -> float:
        if isinstance(message, AudioInput):
            samples = self._framing.count_samples(message.data, self._format.channels, field="audio.data")
            return samples / self._format.sample_rate_hz
        if isinstance(message, SilenceInput):
            return message.samples / self._format.sample_rate_hz
        return 0.0
