"""What one wants of a single translation, said briefly."""

from __future__ import annotations

from collections.abc import Iterable

from translate_svc.audio.codecs.table import codec_of
from translate_svc.client.arguments import audio_format, inspections, target_settings
from translate_svc.client.input_encoder import Audio, InputEncoder
from translate_svc.errors import InvalidArgument
from translate_svc.types import (
    AudioClip,
    AudioFormat,
    Encoding,
    GuardSettings,
    Inspect,
    TargetSettings,
    TranslateRequest,
)

_WHOLE_BYTES = 2**31
"""A clip goes in one piece, however large; what is too large is for the server to say."""


def translate_request(
    *,
    text: str | None,
    samples: Audio | None,
    sample_rate_hz: int | None,
    encoding: str | Encoding,
    channels: int,
    channel: int,
    source: str | None,
    targets: Iterable[str | TargetSettings],
    include: Iterable[str | Inspect],
    output: AudioFormat,
    guards: GuardSettings,
) -> TranslateRequest:
    """The arguments of ``translate`` as one call.

    Raises:
        InvalidArgument: both or neither of text and samples, samples without their rate, of a wrong shape
            or of a wrong dtype, a value that no enum has. Names the field.
        Unsupported: samples are to be encoded, and the codec's library (PyAV) is not installed.
    """
    if (text is None) == (samples is None):
        raise InvalidArgument("give either text or samples", field="input")
    spoken: str | AudioClip
    if samples is None:
        assert text is not None
        spoken = text
    elif sample_rate_hz is None:
        raise InvalidArgument("is required with samples", field="clip.format.sample_rate_hz")
    else:
        spoken = _clip(samples, audio_format(encoding, sample_rate_hz, channels, channel, "clip.format"))
    return TranslateRequest(
        source=spoken,
        targets=target_settings(targets),
        output=output,
        source_language=source,
        include=inspections(include, "include"),
        guards=guards,
    )


def _clip(samples: Audio, clip_format: AudioFormat) -> AudioClip:
    encoder = InputEncoder(clip_format, _WHOLE_BYTES)
    try:
        pieces = (*encoder.chunks(samples), *encoder.flush())
    except InvalidArgument as error:  # that of a stream is called audio.data
        raise type(error)(error.description, field=error.field.replace("audio", "clip", 1)) from None
    packed = codec_of(clip_format).framing.pack(pieces)
    return AudioClip(clip_format, packed.data, packed.packets)
