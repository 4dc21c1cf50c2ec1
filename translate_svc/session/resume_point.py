"""Where a session begins: at its first sample, or where another one was committed."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import types
from dataclasses import dataclass, replace
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.session.outbound.commit_points import CommitPoint
from translate_svc.types import AudioFormat, StreamConfig, StreamSettings

_VERSION = 2
_TOKEN = "config.resume_token"
_MAX_UTTERANCE_ID = 2**62
"""Ids have 63 bits: as many are left for the utterances that follow."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """All that a session needs to continue at a commit point of another one.

    Attributes:
        stream_id: the same for all sessions of one stream.
        epoch: counts them from 0. A newer one ends an older one.
        commit: the commit point.
        model: what the kept text of ``commit.continuation`` belongs to; empty without one.
        first_sample: position of the first sample that the client sends. Audio before the commit point is
            only a run-up for the decoder.
    """

    stream_id: str
    epoch: int
    commit: CommitPoint
    model: str = ""
    first_sample: int = 0

    def state(self) -> dict[str, Any]:
        """The point as values that JSON has."""
        plain: dict[str, Any] = to_plain(self)
        return {**plain, "version": _VERSION}

    @classmethod
    def restore(cls, state: dict[str, Any], config: StreamConfig, model: str) -> ResumePoint:
        """The point from which the next session of the stream begins, as ``config`` asks.

        Raises:
            InvalidArgument: another version or another model wrote ``state``. Names ``config.resume_token``.
            OutOfRange: ``config.resume_utterance_id`` is that of an earlier utterance, or leaves too few ids.
        """
        if state.get("version") != _VERSION:
            raise InvalidArgument("was issued by another version of the server", field=_TOKEN)
        point = from_plain(cls, state)
        commit = point.commit
        if commit.continuation is not None and point.model != model:
            raise InvalidArgument("carries text of another model", field=_TOKEN)
        first = commit.position if config.resume_from_sample is None else config.resume_from_sample
        if first > commit.position:  # given up, as by a ``clear``
            commit = replace(commit, position=first, continued_from=None, continuation=None)
        if (number := config.resume_utterance_id) is not None:
            if not commit.next_utterance_id <= number <= _MAX_UTTERANCE_ID:
                raise OutOfRange(
                    f"must be within [{commit.next_utterance_id}, {_MAX_UTTERANCE_ID}]",
                    field="config.resume_utterance_id",
                )
            commit = replace(commit, next_utterance_id=number)
        return replace(point, epoch=point.epoch + 1, commit=commit, first_sample=first)


def first_point(stream_id: str, settings: StreamSettings) -> ResumePoint:
    """The resume point at which a new stream begins."""
    return ResumePoint(stream_id, 0, CommitPoint(0, 0, settings))


def format_digest(input_format: AudioFormat, output_format: AudioFormat) -> str:
    """Tells streams of different formats apart: the part of a configuration that no ``update`` changes."""
    plain = json.dumps([to_plain(input_format), to_plain(output_format)], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def to_plain(value: Any) -> Any:
    """``value`` as dictionaries, lists, strings and numbers. Fields with their default are left out.

    It may be a dataclass, an enum, a tuple, a frozenset, an array, or what JSON has itself.
    """
    if dataclasses.is_dataclass(value):
        return {
            field.name: to_plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not _is_default(field, getattr(value, field.name))
        }
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, frozenset):
        return sorted(map(to_plain, value))
    return [to_plain(item) for item in value] if isinstance(value, tuple) else value


def from_plain(kind: type[T], plain: Any) -> T:
    """The inverse. Unknown fields are ignored, missing ones take their default: another version wrote them.

    Raises:
        TypeError, ValueError, KeyError: ``plain`` is not of this kind.
    """
    value: T = _from_plain(kind, plain)
    return value


def _from_plain(kind: Any, plain: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is types.UnionType or origin is Union:  # only optional ones
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if plain is None else _from_plain(inner, plain)
    if origin is tuple or origin is frozenset:
        return origin(_from_plain(arguments[0], item) for item in plain)
    if origin is np.ndarray:
        (number,) = get_args(arguments[1])
        return np.asarray(plain, number)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        known = (field.name for field in dataclasses.fields(kind) if field.name in plain)
        values = {name: _from_plain(hints[name], plain[name]) for name in known}
        return kind(**values)  # type: ignore[operator]  # a class, not an instance
    return kind(plain)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    return not isinstance(value, np.ndarray) and bool(value == field.default)
