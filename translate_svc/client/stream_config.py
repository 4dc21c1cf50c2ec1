"""Builds the configuration of a stream from keywords."""

from __future__ import annotations

from collections.abc import Iterable

from translate_svc.client.arguments import (
    audio_format,
    beam_settings,
    enum_member,
    inspections,
    listed,
    target_settings,
    term_settings,
)
from translate_svc.types import (
    DEFAULT_ENCODING,
    AudioFormat,
    BeamSearchSettings,
    Echo,
    Encoding,
    GuardSettings,
    Inspect,
    Segmentation,
    SimultaneousSettings,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    Term,
    VadSettings,
)
from translate_svc.wire.requests import DEFAULT_OUTPUT


def stream_settings(
    *,
    targets: Iterable[str | TargetSettings],
    source: str | None = None,
    include: Iterable[str | Inspect] = (),
    segmentation: str | Segmentation = Segmentation.VAD,
    vad: VadSettings = VadSettings(),  # noqa: B008 - frozen
    guards: GuardSettings = GuardSettings(),  # noqa: B008 - frozen
    simultaneous: SimultaneousSettings | bool | None = None,
    beam_search: BeamSearchSettings | int | None = None,
    source_candidates: Iterable[str] = (),
    echo: str | Echo = Echo.SPEAK,
    terms: Iterable[Term | str] = (),
) -> StreamSettings:
    """The settings of a stream. Languages are Seamless codes or BCP-47 tags.

    Enums may be given by their values: ``include=["transcript"]``. ``simultaneous`` is True for the server's
    defaults, and False or None for translation after each utterance. ``beam_search`` may be the number of
    beams. ``source`` is ``"auto"`` where the language is to be found out, of ``source_candidates`` if there
    are any. ``echo``: what becomes of a target whose language is spoken already. A string among ``terms`` is
    words that are kept.

    Raises:
        InvalidArgument: an enum does not have the value. Names the field.
    """
    return StreamSettings(
        targets=target_settings(targets),
        source_language=source,
        include=inspections(include, "config.settings.include"),
        segmentation=enum_member(Segmentation, segmentation, "config.settings.segmentation"),
        vad=vad,
        guards=guards,
        simultaneous=SimultaneousSettings() if simultaneous is True else simultaneous or None,
        beam_search=beam_settings(beam_search),
        source_candidates=listed(source_candidates, "languages", "source_candidates"),
        echo=enum_member(Echo, echo, "config.settings.echo"),
        terms=term_settings(terms),
    )


def file_settings(
    *,
    targets: Iterable[str | TargetSettings],
    source: str | None,
    include: Iterable[str | Inspect],
    vad: VadSettings,
    guards: GuardSettings,
    beam_search: BeamSearchSettings | int | None = None,
    terms: Iterable[Term | str] = (),
) -> StreamSettings:
    """The settings of the stream of a whole file. Tokens come with it: their times place the subtitles.

    Raises:
        InvalidArgument: an enum does not have the value. Names the field.
    """
    return stream_settings(
        targets=targets,
        source=source,
        include=[*listed(include, "inspections", "config.settings.include"), Inspect.TOKENS],
        vad=vad,
        guards=guards,
        beam_search=beam_search,
        terms=terms,
    )


def stream_config(
    settings: StreamSettings,
    *,
    sample_rate_hz: int,
    encoding: str | Encoding = DEFAULT_ENCODING,
    channels: int = 1,
    channel: int = 0,
    output: AudioFormat = DEFAULT_OUTPUT,
) -> StreamConfig:
    """The first message of a stream. ``channel``, from 1, selects one of several ``channels``.

    Raises:
        InvalidArgument: the encoding does not exist, or ``channels`` is less than 1. Names the field.
    """
    input_format = audio_format(encoding, sample_rate_hz, channels, channel, "config.input")
    return StreamConfig(input=input_format, output=output, settings=settings)
