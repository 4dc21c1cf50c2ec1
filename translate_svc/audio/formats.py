"""Which formats are served."""

from __future__ import annotations

from translate_svc.audio import opus_library
from translate_svc.audio.opus_packet import OPUS_SAMPLE_RATE_HZ
from translate_svc.errors import InvalidArgument, OutOfRange, Unsupported
from translate_svc.types import AudioFormat, Encoding

MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 48_000
MAX_CHANNELS = 8
MAX_OPUS_CHANNELS = 2
"""What one Opus packet can hold (RFC 6716); more is the business of containers."""


def served_encodings() -> tuple[Encoding, ...]:
    """What can be decoded and encoded here: all of them, Opus where its library is installed."""
    return tuple(each for each in Encoding if each is not Encoding.OPUS or opus_library.installed())


def check_input_format(audio_format: AudioFormat, *, field: str) -> None:
    """Refuses what cannot be heard; ``field`` is the format's path in the wire contract (``config.input``).

    Raises:
        Unsupported: Opus without its library.
        InvalidArgument: Opus at another rate than 48 kHz, several channels and none chosen, or a channel that
            the format does not have.
        OutOfRange: a rate outside of 8 to 48 kHz, more than 8 channels (Opus: 2).
    """
    _check_coding(audio_format, field=field)
    limit = MAX_OPUS_CHANNELS if audio_format.encoding is Encoding.OPUS else MAX_CHANNELS
    if not 1 <= audio_format.channels <= limit:
        raise OutOfRange(f"must be within [1, {limit}]", field=f"{field}.channels")
    if audio_format.channels > 1 and audio_format.channel == 0:
        raise InvalidArgument("must say which of several channels to hear", field=f"{field}.channel")
    if not 0 <= audio_format.channel <= audio_format.channels:
        raise InvalidArgument(f"must be within [1, {audio_format.channels}]", field=f"{field}.channel")


def check_output_format(audio_format: AudioFormat, *, field: str) -> None:
    """Refuses what cannot be written.

    Raises:
        Unsupported: Opus without its library.
        InvalidArgument: Opus at another rate than 48 kHz, anything but one channel.
        OutOfRange: a rate outside of 8 to 48 kHz.
    """
    _check_coding(audio_format, field=field)
    if audio_format.channels != 1:
        raise InvalidArgument("must be 1: output is mono", field=f"{field}.channels")
    if audio_format.channel not in (0, 1):
        raise InvalidArgument("must be 1 or absent: output is mono", field=f"{field}.channel")


def _check_coding(audio_format: AudioFormat, *, field: str) -> None:
    """Encoding and rate."""
    rate_hz = audio_format.sample_rate_hz
    if audio_format.encoding is Encoding.OPUS:
        if not opus_library.installed():
            raise Unsupported(opus_library.MISSING, field=f"{field}.encoding")
        if rate_hz != OPUS_SAMPLE_RATE_HZ:
            raise InvalidArgument(f"must be {OPUS_SAMPLE_RATE_HZ} with Opus", field=f"{field}.sample_rate_hz")
    elif not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise OutOfRange(
            f"must be within [{MIN_SAMPLE_RATE_HZ}, {MAX_SAMPLE_RATE_HZ}]", field=f"{field}.sample_rate_hz"
        )
