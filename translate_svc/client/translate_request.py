"""Builds the request of a single translation from keywords."""

from __future__ import annotations

from collections.abc import Iterable

from translate_svc.audio.codecs.table import codec_of
from translate_svc.client.arguments import (
    audio_format,
    beam_settings,
    enum_member,
    inspections,
    listed,
    target_settings,
    term_settings,
)
from translate_svc.client.input_encoder import Audio, InputEncoder
from translate_svc.errors import InvalidArgument
from translate_svc.types import (
    AudioClip,
    AudioFormat,
    BeamSearchSettings,
    Echo,
    Encoding,
    GuardSettings,
    Inspect,
    TargetSettings,
    Term,
    TranslateRequest,
)

_WHOLE_BYTES = 2**31
"""A clip is sent in one message of any size. The server refuses a clip that is too large."""


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
    beam_search: BeamSearchSettings | int | None,
    terms: Iterable[Term | str],
    source_candidates: Iterable[str] = (),
    echo: str | Echo = Echo.SPEAK,
) -> TranslateRequest:
    """The arguments of ``translate`` as one request.

    Raises:
        InvalidArgument: both or neither of text and samples are given; the samples have no rate, the wrong
            shape or the wrong dtype; or an enum does not have the value. Names the field.
        Unsupported: samples need encoding, and the codec's library (PyAV) is not installed.
    """
    if (text is None) == (samples is None):
        raise InvalidArgument("give either text or samples", field="input")
    content: str | AudioClip
    if samples is None:
        assert text is not None
        content = text
    elif sample_rate_hz is None:
        raise InvalidArgument("is required with samples", field="clip.format.sample_rate_hz")
    else:
        content = _clip(samples, audio_format(encoding, sample_rate_hz, channels, channel, "clip.format"))
    return TranslateRequest(
        source=content,
        targets=target_settings(targets),
        output=output,
        source_language=source,
        include=inspections(include, "include"),
        guards=guards,
        beam_search=beam_settings(beam_search),
        source_candidates=listed(source_candidates, "languages", "source_candidates"),
        echo=enum_member(Echo, echo, "echo"),
        terms=term_settings(terms),
    )


def _clip(samples: Audio, clip_format: AudioFormat) -> AudioClip:
    encoder = InputEncoder(clip_format, _WHOLE_BYTES)
    try:
        chunks = (*encoder.chunks(samples), *encoder.flush())
    except InvalidArgument as error:  # the encoder names the field of a stream: audio.data
        raise type(error)(error.description, field=error.field.replace("audio", "clip", 1)) from None
    packed = codec_of(clip_format).framing.pack(chunks)
    return AudioClip(clip_format, packed.data, packed.packets)
