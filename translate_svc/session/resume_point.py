"""Where a session begins: at its first sample, or where another one was committed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.session.outbound.commit_points import CommitPoint
from translate_svc.session.plain_data import from_plain, to_plain
from translate_svc.types import AudioFormat, StreamConfig, StreamSettings

_VERSION = 2
_TOKEN = "config.resume_token"


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
            OutOfRange: ``config.resume_utterance_id`` is that of an earlier utterance.
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
            if number < commit.next_utterance_id:
                raise OutOfRange(
                    f"must be at least {commit.next_utterance_id}", field="config.resume_utterance_id"
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
