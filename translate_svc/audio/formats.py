"""Checks which audio formats are served."""

from __future__ import annotations

from translate_svc.audio.codecs.table import CODECS, codec_of
from translate_svc.errors import InvalidArgument, OutOfRange, Unsupported
from translate_svc.types import AudioFormat, Encoding

MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 48_000


def served_encodings() -> tuple[Encoding, ...]:
    """Encodings that can be decoded and encoded here: all whose library is installed."""
    return tuple(encoding for encoding, codec in CODECS.items() if codec.missing is None)


def check_input_format(audio_format: AudioFormat, *, field: str) -> None:
    """Refuses input formats that are not served. ``field`` is the path in the contract (``config.input``).

    Raises:
        Unsupported: the codec's library is not installed.
        InvalidArgument: a rate other than the codec's only one, several channels with none chosen, or a
            channel that the format does not have. Names the field.
        OutOfRange: a rate outside 8 to 48 kHz, or more channels than the codec has. Names the field.
    """
    _check_coding(audio_format, field=field)
    limit = codec_of(audio_format).max_channels
    if not 1 <= audio_format.channels <= limit:
        allowed = f"within [1, {limit}]" if limit > 1 else "1"
        raise OutOfRange(f"must be {allowed}", field=f"{field}.channels")
    if audio_format.channels > 1 and audio_format.channel == 0:
        raise InvalidArgument("must say which of several channels to hear", field=f"{field}.channel")
    if not 0 <= audio_format.channel <= audio_format.channels:
        raise InvalidArgument(f"must be within [1, {audio_format.channels}]", field=f"{field}.channel")


def check_output_format(audio_format: AudioFormat, *, field: str) -> None:
    """Refuses output formats that are not served. ``field`` is the path in the contract.

    Raises:
        Unsupported: the codec's library is not installed.
        InvalidArgument: a rate other than the codec's only one, or more than one channel. Names the field.
        OutOfRange: a rate outside 8 to 48 kHz. Names the field.
    """
    _check_coding(audio_format, field=field)
    if audio_format.channels != 1:
        raise InvalidArgument("must be 1: output is mono", field=f"{field}.channels")
    if audio_format.channel not in (0, 1):
        raise InvalidArgument("must be 1 or absent: output is mono", field=f"{field}.channel")


def _check_coding(audio_format: AudioFormat, *, field: str) -> None:
    """Checks encoding and sample rate."""
    codec, rate_hz = codec_of(audio_format), audio_format.sample_rate_hz
    if codec.missing is not None:
        raise Unsupported(codec.missing, field=f"{field}.encoding")
    if codec.sample_rate_hz is not None:
        if rate_hz != codec.sample_rate_hz:
            message = f"must be {codec.sample_rate_hz} with {codec.title}"
            raise InvalidArgument(message, field=f"{field}.sample_rate_hz")
    elif not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise OutOfRange(
            f"must be within [{MIN_SAMPLE_RATE_HZ}, {MAX_SAMPLE_RATE_HZ}]", field=f"{field}.sample_rate_hz"
        )
