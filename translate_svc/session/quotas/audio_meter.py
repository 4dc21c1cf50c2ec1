"""Counts how much audio a stream's messages hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from translate_svc.audio.codecs.table import codec_of
from translate_svc.types import AudioFormat, AudioInput, ClientMessage, SilenceInput


class AudioMeter:
    """Reports the audio of one stream in seconds, as it is received. Declared silence counts as audio."""

    def __init__(
        self,
        audio_format: AudioFormat,
        check: Callable[[], None],
        charge: Callable[[float], None],
        wait_s: Callable[[], float] = lambda: 0.0,
        patience_s: float = 0.0,
    ) -> None:
        """``check`` raises if no audio is left; ``charge`` gets the seconds of each message; ``wait_s`` says
        when there is audio again. ``patience_s``: how long in all the stream waits for that.
        """
        self._format = audio_format
        self._framing = codec_of(audio_format).framing
        self._check = check
        self._charge = charge
        self._wait_s = wait_s
        self._patience_s = patience_s

    async def before(self, message: ClientMessage) -> None:
        """Call with each message before it is taken. Raises what ``check`` raises."""
        if not isinstance(message, AudioInput | SilenceInput):
            return
        while (wait_s := min(self._wait_s(), self._patience_s)) > 0:
            self._patience_s -= wait_s
            await asyncio.sleep(wait_s)
        self._check()

    def after(self, message: ClientMessage) -> None:
        """Call with each message that was taken."""
        if isinstance(message, AudioInput):
            samples = self._framing.count_samples(message.data, self._format.channels, field="audio.data")
            self._charge(samples / self._format.sample_rate_hz)
        elif isinstance(message, SilenceInput):
            self._charge(message.samples / self._format.sample_rate_hz)
