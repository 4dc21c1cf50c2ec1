"""The pieces of a stretch of speech, and which of them are utterances."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.inbound.source_events import Utterance
from translate_svc.session.outbound.dispatcher import Dispatcher
from translate_svc.session.outbound.trial import Trial
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SampleRange


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What the segmenter has cut. ``speech_position``: where its speech starts. ``settings``: of its time;
    ``updates``: those that apply behind it. ``last_sample_s``: as of ``UtteranceSink.cut``.
    """

    cut: Utterance
    speech_position: int
    last_sample_s: float
    settings: Negotiated
    updates: list[Negotiated] = field(default_factory=list)

    def joined(self, following: Piece) -> Piece:
        """Both as one."""
        first, last = self.cut, following.cut
        voiced = (first.voiced_frames, last.voiced_frames)
        cut = replace(
            last,
            samples=np.concatenate([first.samples, last.samples]),
            source=SampleRange(first.source.start, last.source.end),
            voiced_frames=None if None in voiced else sum(each or 0 for each in voiced),
        )
        return replace(following, cut=cut, speech_position=self.speech_position)

    def without_commit(self) -> Piece:
        """One whose commit point somebody else has."""
        return replace(self, cut=replace(self.cut, commits=False))


class Chosen(NamedTuple):
    """An utterance, and its request if it has one already."""

    piece: Piece
    trial: Trial | None


class Stretch:
    """Pieces that the segmenter has cut at once.

    Pieces on both sides of a doubtful cut are translated before they are utterances. If the model is unsure
    of one of them, both are translated as one, too. What it expects to have more right words counts: the
    confidence in a text times its length. Each piece is tried at most once alone, and once with each
    neighbour. Its owner calls ``drop`` at the end, however it ends.
    """

    def __init__(self, dispatcher: Dispatcher, pieces: Sequence[Piece], max_trials: int) -> None:
        """``max_trials``: how many the engine has at most whose texts are not known."""
        self._dispatcher = dispatcher
        self._pieces = pieces
        self._room = asyncio.Semaphore(max_trials)
        self._trials: list[Trial] = []
        self._choices: list[asyncio.Task[list[Chosen]]] = []

    def choices(self) -> list[asyncio.Task[list[Chosen]]]:
        """Tries all pieces. The utterances of the stretch, in order, in parts that are known one by one."""
        self._choices = [asyncio.ensure_future(self._choose(run)) for run in self._runs()]
        return self._choices

    def drop(self) -> None:
        """Aborts every trial that was not released. Idempotent."""
        for choice in self._choices:
            choice.cancel()
        for trial in self._trials:
            trial.drop()

    def _runs(self) -> Iterator[list[Piece]]:
        """The pieces, parted at the cuts that stay."""
        run: list[Piece] = []
        for piece in self._pieces:
            run.append(piece)
            if not piece.cut.doubtful or piece.updates or self._dispatcher.degradation > Degradation.NONE:
                yield run
                run = []
        if run:
            yield run

    async def _choose(self, run: Sequence[Piece]) -> list[Chosen]:
        """Which pieces of a run are utterances, alone or two as one. Refused trials decide nothing."""
        if len(run) == 1:
            return [Chosen(run[0], None)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._tried(piece)) for piece in run]
            later = [group.create_task(self._as_one(*each)) for each in pairwise(tasks)]
        alone, pairs = [task.result() for task in tasks], [task.result() for task in later]
        best, chosen = [0.0], [list[Chosen]()]
        for index, each in enumerate(alone):
            worth, utterances = best[index] + _worth(each.trial), [*chosen[index], each]
            if index and (pair := pairs[index - 1]) is not None and pair.trial is not None:
                apart_tokens = sum(one.trial.tokens for one in alone[index - 1 : index + 1] if one.trial)
                pair_worth = best[index - 1] + min(pair.trial.tokens, apart_tokens) * pair.trial.confidence
                if pair_worth > worth:
                    worth, utterances = pair_worth, [*chosen[index - 1], pair]
            best.append(worth)
            chosen.append(utterances)
        for candidate in (*alone, *pairs):
            if candidate and candidate.trial is not None and candidate not in chosen[-1]:
                candidate.trial.drop()
        return chosen[-1]

    async def _as_one(self, first: asyncio.Task[Chosen], second: asyncio.Task[Chosen]) -> Chosen | None:
        """Both as one, heard as soon as they are; None if that would gain nothing, or was refused."""
        one, other = await first, await second
        if one.trial is None or other.trial is None or not (one.trial.is_unsure or other.trial.is_unsure):
            return None
        joined = one.piece.joined(other.piece)
        most = one.piece.settings.vad.max_utterance_ms * INTERNAL_SAMPLE_RATE_HZ // 1000
        return None if len(joined.cut.samples) > most else await self._tried(joined)

    async def _tried(self, piece: Piece) -> Chosen:
        """The piece, and its trial if the engine has heard it. Waits while there is no room for it."""
        async with self._room:
            trial = self._dispatcher.try_out(piece.cut, piece.settings)
            if trial is None:
                return Chosen(piece, None)
            self._trials.append(trial)
            return Chosen(piece, trial if await trial.heard() else None)


def _worth(trial: Trial | None) -> float:
    return 0.0 if trial is None else trial.tokens * trial.confidence
