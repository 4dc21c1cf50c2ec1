"""Converts convenient arguments (strings, lists) to the plain types."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from translate_svc import languages
from translate_svc.audio.audio_tracks import AudioChoice, Channel
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, BeamSearchSettings, Encoding, Inspect, TargetSettings, Term
from translate_svc.variables import SERVER_VARIABLE

E = TypeVar("E", bound=enum.Enum)
T = TypeVar("T")


def enum_member(kind: type[E], value: str | E, field: str) -> E:
    """The member of an enum, given as a member or as its value.

    Raises:
        InvalidArgument: no member has that value. Names ``field``.
    """
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise InvalidArgument(f"must be one of {known}", field=field) from None


def listed(values: Iterable[T], kind: str, field: str) -> tuple[T, ...]:
    """The values of a list. ``kind`` says of what, in the plural.

    Raises:
        InvalidArgument: it is no list; a string is none, nor a mapping, whose values would be lost. Names
            ``field``.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidArgument(f"must be a list of {kind}", field=field)
    return tuple(values)


def server_addresses(target: str | Sequence[str] | None) -> tuple[str, ...]:
    """The addresses of servers, given as one or as several; None: those of ``TRANSLATE_SVC_SERVER``.

    Raises:
        InvalidArgument: there is none, or one is empty or no string.
    """
    if target is None:
        named = os.environ.get(SERVER_VARIABLE, "")
        target = [address.strip() for address in named.split(",") if address.strip()]
    addresses = (target,) if isinstance(target, str) else listed(target, "addresses", "target")
    if not all(isinstance(address, str) for address in addresses):
        raise InvalidArgument("must be an address, or a list of addresses", field="target")
    if not addresses or not all(addresses):
        raise InvalidArgument(f"must name a server, or {SERVER_VARIABLE} must", field="target")
    return addresses


def file_path(path: str | os.PathLike[str]) -> Path:
    """Raises InvalidArgument: it is no path, or an empty one."""
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgument(f"must be a path, not {type(path).__name__}", field="path")
    if path == "":
        raise InvalidArgument("is empty", field="path")
    return Path(path)


def audio_choice(audio_track: str, source: str | None, channel: str | Channel) -> AudioChoice:
    """Which audio of a file to hear, where ``source`` (a code or tag, if known) is spoken.

    Raises:
        InvalidArgument: there is no such channel, or ``source`` is no string. Names the field.
    """
    if source is not None and not isinstance(source, str):
        raise InvalidArgument(f"cannot be {source!r}", field="source_language")
    language = languages.packaged().find(source) if source else None
    code = source if language is None else language.code
    return AudioChoice(audio_track, code, enum_member(Channel, channel, "channel"))


def target_settings(targets: Iterable[str | TargetSettings]) -> tuple[TargetSettings, ...]:
    """The target settings. A string stands for a language with default settings.

    Raises:
        InvalidArgument: ``targets`` is no list.
    """
    return tuple(
        target if isinstance(target, TargetSettings) else TargetSettings(target)
        for target in listed(targets, "languages", "targets")
    )


def beam_settings(beams: BeamSearchSettings | int | None) -> BeamSearchSettings | None:
    """The settings of beam search, given as such or as the number of beams."""
    return BeamSearchSettings(beams) if isinstance(beams, int) else beams


def term_settings(terms: Iterable[Term | str]) -> tuple[Term, ...]:
    """The caller's own words. A string stands for words that are kept.

    Raises:
        InvalidArgument: ``terms`` is no list.
    """
    return tuple(term if isinstance(term, Term) else Term(term) for term in listed(terms, "terms", "terms"))


def inspections(include: Iterable[str | Inspect], field: str) -> frozenset[Inspect]:
    """The set of requested inspections.

    Raises:
        InvalidArgument: it is no list, or an inspection does not exist. Names ``field`` and the index.
    """
    return frozenset(
        enum_member(Inspect, value, f"{field}[{index}]")
        for index, value in enumerate(listed(include, "inspections", field))
    )


def audio_format(
    encoding: str | Encoding, sample_rate_hz: int, channels: int, channel: int, field: str
) -> AudioFormat:
    """An audio format.

    Raises:
        InvalidArgument: the encoding does not exist, a number is not whole, or ``channels`` is less than 1.
            Names the field.
    """
    numbers = {"sample_rate_hz": sample_rate_hz, "channels": channels, "channel": channel}
    for name, number in numbers.items():
        if not hasattr(number, "__index__"):
            raise InvalidArgument("must be a whole number", field=f"{field}.{name}")
    if channels < 1:
        raise InvalidArgument("must be at least 1", field=f"{field}.channels")
    chosen = enum_member(Encoding, encoding, f"{field}.encoding")
    return AudioFormat(chosen, sample_rate_hz, channels, channel)
