"""What a client keeps of a stream so that it can continue at another server."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TypeGuard

from translate_svc.audio.codecs.table import codec_of
from translate_svc.client.resuming.deduplication import EventDeduplicator
from translate_svc.client.resuming.replay_buffer import ReplayBuffer, SentMessage
from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.types import (
    SERVER_LOST,
    Cleared,
    ClearInput,
    ClientMessage,
    DraftReport,
    EndInput,
    EndReason,
    LanguageDetected,
    Opened,
    Progress,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    StreamConfig,
    StreamWarning,
    TextDelta,
    UtteranceDone,
)

_RUN_UP_S = 0.5
"""Audio before the commit point for decoders that have a memory. RFC 7845, section 4.6, asks for 80 ms of
Opus; the adaptive quantizers of G.722 need longer to forget where they began.
"""
_NOTICED_S = 2.0
"""As a rule another server has taken the stream by then."""
MAX_RESUMPTIONS_WITHOUT_PROGRESS = 8
"""A stream that was resumed this often without a new commit point is given up: perhaps its input ends its
servers.
"""
_MAX_FAILURES_WITHOUT_PROGRESS = 3
"""Servers that fail at the same audio fail again, and each failure is an incident in their logs."""


_OfAnUtterance = (
    SpeechEnded | LanguageDetected | TextDelta | SpeechChunk | DraftReport | StreamWarning | UtteranceDone
)


class CannotResume(Unavailable):
    """The stream lost its server and cannot continue at any other."""


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """How to continue: the first message of the next call, and the position to send from again.

    Attributes:
        config: with the token.
        position: audio before it is not sent again, except as a run-up.
        skips: whether ``position`` is that of a ``clear``, after the commit point.
        applied_updates: updates that the token holds.
        clears: positions of those that the server has not answered.
    """

    config: StreamConfig
    position: int
    skips: bool
    applied_updates: int
    clears: tuple[int, ...]


class StreamState:
    """Messages to send again, events that were handed on, and the last token. Not thread-safe.

    While a plan is carried out, nothing that it needs is forgotten: ``plan`` begins, ``resumed`` or
    ``abandon_plan`` ends it.
    """

    def __init__(self, config: StreamConfig, max_bytes: int) -> None:
        """``max_bytes``: bound of the messages that are kept."""
        codec = codec_of(config.input)
        run_up_s = _RUN_UP_S if codec.has_memory else 0.0
        self.messages = ReplayBuffer(
            lambda data: codec.framing.count_samples(data, config.input.channels, field="audio.data"),
            run_up_samples=round(run_up_s * config.input.sample_rate_hz),
            max_bytes=max_bytes,
        )
        self._config = config
        self._deduplicator = EventDeduplicator()
        self._token = b""
        self._committed = 0
        self._applied_updates = 0
        self._unanswered_clears: deque[int] = deque()
        self._is_planning = False
        self._has_ended = False
        self._cut: list[_OfAnUtterance] = []
        self._lost_s: float | None = None
        self._is_loss_told = False
        self.resumptions: tuple[float, ...] = ()
        """For each time the stream continued at another call: seconds without one."""
        self._resumptions_without_progress = 0
        self._failures_without_progress = 0
        self._failure: str = ""

    @property
    def config(self) -> StreamConfig:
        """The first message of the first call."""
        return self._config

    def append(self, message: ClientMessage) -> SentMessage:
        """The program sends ``message``."""
        entry = self.messages.append(message)
        self._has_ended = isinstance(message, EndInput)
        if isinstance(message, ClearInput):
            self._unanswered_clears.append(entry.start)
        return entry

    def accept(self, event: SessionEvent) -> list[SessionEvent]:
        """An event of the present call. Returns what the program is to get now: each event once."""
        if self._is_of_the_cut(event):
            self._cut.append(event)
            return []
        if isinstance(event, Opened):
            self._token = event.resume_token
        elif isinstance(event, Progress):
            self._commit(event)
        elif isinstance(event, Cleared) and self._unanswered_clears:
            self._unanswered_clears.popleft()
        return self._deduplicator.accept(event)

    def lose(self, failure: TranslateSvcError | None = None) -> None:
        """The present call is over: the time without one begins. ``failure``: what its server failed with."""
        if failure is not None:
            self._failures_without_progress += 1
            self._failure = failure.description
        self._lost_s = time.monotonic()
        self._is_loss_told = False

    def warn_of_loss(self, timeout_s: float, refusal: TranslateSvcError) -> list[SessionEvent]:
        """A warning where the time without a call is long enough to be noticed; once for each time.

        ``refusal``: what a server said last. Of one that is full, or of a limit of the caller, it says more
        than that the server was lost: that need not be so.
        """
        if self._is_loss_told or self._lost_s is None or time.monotonic() - self._lost_s < _NOTICED_S:
            return []
        self._is_loss_told = True
        message = "the server was lost, and none continues the stream yet"
        if isinstance(refusal, ResourceExhausted):
            message = f"no server continues the stream yet: {refusal.description}"
        return [StreamWarning(SERVER_LOST, f"{message}; asking for up to {timeout_s:g} s")]

    @property
    def is_cut_off(self) -> bool:
        """Whether the present server has stopped hearing the program in the middle of its speech.

        A server that drains does so before its deadline. What it makes of the utterance is kept back: that
        comes whole at another server, or ``give_back`` returns the part if there is none.
        """
        return bool(self._cut)

    def give_back(self) -> list[SessionEvent]:
        """No server continues the stream. Returns what there is of the utterance that was cut off."""
        cut, self._cut = self._cut, []
        return [each for event in cut for each in self._deduplicator.accept(event)]

    def _is_of_the_cut(self, event: SessionEvent) -> TypeGuard[_OfAnUtterance]:
        if self._cut:
            return isinstance(event, _OfAnUtterance) and event.utterance_id == self._cut[0].utterance_id
        if not isinstance(event, SpeechEnded):
            return False
        if event.reason is not EndReason.END_OF_STREAM:  # that of a server that knows no GOING_AWAY
            return event.reason is EndReason.GOING_AWAY
        return not self._has_ended or event.source.end < self.messages.total_samples

    def plan(self) -> ResumePlan:
        """How to resume the stream now.

        Raises:
            CannotResume: the server does not offer it, the messages since the last commit point did not fit
                into the buffer, or the stream does not come forward.
        """
        if self._failures_without_progress >= _MAX_FAILURES_WITHOUT_PROGRESS:
            times = self._failures_without_progress
            raise CannotResume(
                f"the stream failed {times} times at the same place, at last with {self._failure}"
            )
        if self._resumptions_without_progress >= MAX_RESUMPTIONS_WITHOUT_PROGRESS:
            raise CannotResume("the stream was resumed too often without coming forward")
        if not self._token:
            raise CannotResume("the server does not offer to resume streams")
        cleared = max(self._unanswered_clears, default=-1)
        if (answered := self.messages.cleared_through(self._committed)) is not None:
            cleared = max(cleared, answered)
        skips = cleared > self._committed
        position = max(cleared, self._committed)
        if not skips and self.messages.first_sample > position:
            raise CannotResume("the input since the last commit point was more than max_replay_bytes")
        self._is_planning = True
        first = position if skips else min(position, self.messages.first_sample)
        config = replace(
            self._config,
            resume_token=self._token,
            resume_from_sample=first,
            resume_utterance_id=self._deduplicator.next_id(position) if skips else None,
        )
        clears = tuple(self._unanswered_clears)
        return ResumePlan(config, position, skips, self._applied_updates, clears)

    def is_current(self, plan: ResumePlan) -> bool:
        """Whether ``plan`` still fits: the program has sent no ``clear`` since."""
        return plan.clears == tuple(self._unanswered_clears)

    @property
    def is_replaying(self) -> bool:
        """Whether the present server has yet to find utterances that the program has seen.

        A ``clear`` would now drop them before they get their ids again. So the stream must be resumed after
        it instead.
        """
        return self._deduplicator.is_replaying

    def abandon_plan(self) -> None:
        """The plan could not be carried out."""
        self._is_planning = False

    def resumed(self, plan: ResumePlan, opened: Opened) -> list[SessionEvent]:
        """The next call is open, by a ``plan`` that is current. Returns events that no server will tell."""
        self._is_planning = False
        self._resumptions_without_progress += 1
        gap_s = 0.0 if self._lost_s is None else time.monotonic() - self._lost_s
        self._lost_s = None
        self.resumptions += (gap_s,)
        self._token = opened.resume_token
        self._cut = []
        self._committed = plan.position
        self.messages.rewind(plan.position, plan.applied_updates, run_up=not plan.skips)
        events = [event for clear in plan.clears for event in self._deduplicator.give_up(clear)]
        self._unanswered_clears.clear()
        return [*self._deduplicator.rewind(plan.position, plan.applied_updates), *events]

    def _commit(self, progress: Progress) -> None:
        if self._is_planning:
            return
        if progress.committed_samples > self._committed:
            self._resumptions_without_progress = self._failures_without_progress = 0
        self._token = progress.resume_token
        self._committed = progress.committed_samples
        self._applied_updates = progress.applied_updates
        self.messages.commit(progress.committed_samples, progress.applied_updates)
        self._deduplicator.forget(progress.committed_samples)
