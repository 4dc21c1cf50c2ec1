"""Arguments as one likes to say them -> the plain types."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TypeVar

from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding, Inspect, TargetSettings

E = TypeVar("E", bound=enum.Enum)


def enum_member(kind: type[E], value: str | E, field: str) -> E:
    """A member, which may be given by its value.

    Raises:
        InvalidArgument: no member has that value; names ``field``.
    """
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise InvalidArgument(f"must be one of {known}", field=field) from None


def target_settings(targets: Iterable[str | TargetSettings]) -> tuple[TargetSettings, ...]:
    """Targets, of which those with nothing to set may be given by their language alone.

    Raises:
        InvalidArgument: a string in place of a list of strings.
    """
    if isinstance(targets, str):
        raise InvalidArgument("must be a list of languages", field="targets")
    return tuple(
        target if isinstance(target, TargetSettings) else TargetSettings(target) for target in targets
    )


def inspections(include: Iterable[str | Inspect], field: str) -> frozenset[Inspect]:
    """Raises InvalidArgument: an inspection that does not exist; names ``field`` and its place."""
    return frozenset(enum_member(Inspect, value, f"{field}[{index}]") for index, value in enumerate(include))


def audio_format(
    encoding: str | Encoding, sample_rate_hz: int, channels: int, channel: int, field: str
) -> AudioFormat:
    """Raises InvalidArgument: an encoding that does not exist, less than one channel; names the field."""
    if channels < 1:
        raise InvalidArgument("must be at least 1", field=f"{field}.channels")
    chosen = enum_member(Encoding, encoding, f"{field}.encoding")
    return AudioFormat(chosen, sample_rate_hz, channels, channel)
