"""What one wants of a stream, said briefly."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TypeVar

from translate_svc.errors import InvalidArgument
from translate_svc.types import (
    AudioFormat,
    Encoding,
    Inspect,
    Segmentation,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    VadSettings,
)
from translate_svc.wire.requests import DEFAULT_OUTPUT

E = TypeVar("E", bound=enum.Enum)


def stream_settings(
    *,
    targets: Iterable[str | TargetSettings],
    source: str | None = None,
    include: Iterable[str | Inspect] = (),
    segmentation: str | Segmentation = Segmentation.VAD,
    vad: VadSettings = VadSettings(),  # noqa: B008 - frozen
) -> StreamSettings:
    """The part of a stream's configuration that may change; languages as Seamless codes or BCP-47 tags.

    Enums may be given by their values: ``include=["transcript"]``.

    Raises:
        InvalidArgument: a value that no enum has; names the field.
    """
    return StreamSettings(
        targets=tuple(
            target if isinstance(target, TargetSettings) else TargetSettings(target) for target in targets
        ),
        source_language=source,
        include=frozenset(
            _member(Inspect, value, f"settings.include[{index}]") for index, value in enumerate(include)
        ),
        segmentation=_member(Segmentation, segmentation, "settings.segmentation"),
        vad=vad,
    )


def stream_config(
    settings: StreamSettings,
    *,
    sample_rate_hz: int,
    encoding: str | Encoding = Encoding.PCM_S16LE,
    output: AudioFormat = DEFAULT_OUTPUT,
) -> StreamConfig:
    """The first message of a stream.

    Raises:
        InvalidArgument: an encoding that does not exist; names the field.
    """
    input_format = AudioFormat(_member(Encoding, encoding, "input.encoding"), sample_rate_hz)
    return StreamConfig(input=input_format, output=output, settings=settings)


def _member(kind: type[E], value: str | E, field: str) -> E:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise InvalidArgument(f"must be one of {known}", field=f"config.{field}") from None
