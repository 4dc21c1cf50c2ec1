"""Counts how much audio a stream's messages hold."""

from __future__ import annotations

from collections.abc import Callable

from translate_svc.audio.codecs.table import codec_of
from translate_svc.types import AudioFormat, AudioInput, ClientMessage, SilenceInput


class AudioMeter:
    """Reports the audio of one stream in seconds, as it is received. Declared silence counts as audio."""

    def __init__(
        self, audio_format: AudioFormat, check: Callable[[], None], charge: Callable[[float], None]
    ) -> None:
        """``check`` raises if no audio is left; ``charge`` gets the seconds of each message."""
        self._format = audio_format
        self._framing = codec_of(audio_format).framing
        self._check = check
        self._charge = charge

    def before(self, message: ClientMessage) -> None:
        """Call with each message before it is taken. Raises what ``check`` raises."""
        if isinstance(message, AudioInput | SilenceInput):
            self._check()

    def after(self, message: ClientMessage) -> None:
        """Call with each message that was taken."""
        if isinstance(message, AudioInput):
            samples = self._framing.count_samples(message.data, self._format.channels, field="audio.data")
            self._charge(samples / self._format.sample_rate_hz)
        elif isinstance(message, SilenceInput):
            self._charge(message.samples / self._format.sample_rate_hz)
