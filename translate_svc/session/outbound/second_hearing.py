"""Recordings whose cuts the model itself may take back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.inbound.source_events import Committed, Utterance, UtteranceGrew
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.outbound.dispatcher import Dispatcher
from translate_svc.session.outbound.trial import Trial
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SampleRange, Segmentation


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What the segmenter has cut. ``speech_position``: where its speech starts. ``settings``: of its time;
    ``updates``: those that apply behind it. ``last_sample_s``: as of ``UtteranceSink.cut``.
    """

    cut: Utterance
    speech_position: int
    last_sample_s: float
    settings: Negotiated
    updates: list[Negotiated] = field(default_factory=list)

    def joined(self, following: _Piece) -> _Piece:
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


class _Chosen(NamedTuple):
    """An utterance, and its request if it has one already."""

    piece: _Piece
    trial: Trial | None


class SecondHearing:
    """A ``UtteranceSink`` before the dispatcher.

    ``HINDSIGHT`` cuts a stretch of speech at once, where it hears pauses, and a comma or a plosive may sound
    like the end of a sentence. So pieces on both sides of a doubtful cut are translated before they are
    utterances. If the model is unsure of one of them, both are translated as one, too. What it expects to
    have more right words counts: the confidence in a text times its length. The rest is never told.

    Each piece is tried at most once alone, and once with each neighbour; a stretch of 30 s bounds how many
    wait. Single pieces between clear pauses pass through, and so does everything of other segmentations, and
    of a server that is behind.
    """

    def __init__(self, dispatcher: Dispatcher, settings: Negotiated) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._speech_position = 0
        self._pieces: list[_Piece] = []
        self._trials: list[Trial] = []
        self._clears = 0

    def apply_settings(self, settings: Negotiated) -> None:
        """Implements ``UtteranceSink``."""
        self._settings = settings
        if self._pieces:
            self._pieces[-1].updates.append(settings)
        else:
            self._dispatcher.apply_settings(settings)

    def begin(self, position: int, speech_position: int) -> None:
        """Implements ``UtteranceSink``. A piece begins when it is known to be an utterance."""
        self._speech_position = speech_position
        if not self._waits:
            self._dispatcher.begin(position, speech_position)

    async def cut(self, cut: Utterance, last_sample_s: float) -> None:
        """Implements ``UtteranceSink``. The last piece of a stretch decides about all."""
        if not self._waits:
            await self._dispatcher.cut(cut, last_sample_s)
            return
        self._pieces.append(_Piece(cut, self._speech_position, last_sample_s, self._settings))
        if not cut.followed:
            await self._end_stretch()

    async def grow(self, grown: UtteranceGrew, last_sample_s: float) -> int | None:
        """Implements ``UtteranceSink``."""
        return await self._dispatcher.grow(grown, last_sample_s)

    def commit(self, committed: Committed) -> None:
        """Implements ``UtteranceSink``."""
        self._dispatcher.commit(committed)

    def clear(self, through_sample: int) -> None:
        """As ``Dispatcher.clear``; drops what waits, too."""
        self._clears += 1
        updates = [settings for piece in self._pieces for settings in piece.updates]
        self._pieces.clear()
        self._drop_trials()
        self._dispatcher.clear(through_sample)
        for settings in updates:
            self._dispatcher.apply_settings(settings)

    @property
    def _waits(self) -> bool:
        return bool(self._pieces) or self._settings.settings.segmentation is Segmentation.HINDSIGHT

    async def _end_stretch(self) -> None:
        clears = self._clears
        choices = [asyncio.ensure_future(self._choose(run)) for run in self._runs()]
        try:
            for choice in choices:
                for piece, trial in await choice:
                    if self._clears != clears:
                        return
                    self._dispatcher.begin(piece.cut.source.start, piece.speech_position)
                    await self._dispatcher.cut(piece.cut, piece.last_sample_s, trial)
                    if self._clears != clears:
                        return
                    while self._pieces and self._pieces[0].cut.source.end <= piece.cut.source.end:
                        del self._pieces[0]
                    for settings in piece.updates:
                        self._dispatcher.apply_settings(settings)
        finally:
            for choice in choices:
                choice.cancel()
            self._drop_trials()

    def _drop_trials(self) -> None:
        for trial in self._trials:
            trial.drop()
        self._trials.clear()

    def _runs(self) -> Iterator[list[_Piece]]:
        """The pieces, parted at the cuts that stay."""
        run: list[_Piece] = []
        for piece in self._pieces:
            run.append(piece)
            if not piece.cut.doubtful or piece.updates or self._dispatcher.degradation > Degradation.NONE:
                yield run
                run = []
        if run:
            yield run

    async def _choose(self, run: Sequence[_Piece]) -> list[_Chosen]:
        """Which pieces of a run are utterances, alone or two as one. Refused trials decide nothing."""
        if len(run) == 1:
            return [_Chosen(run[0], None)]
        alone = [self._submitted(piece) for piece in run]
        pairs = await asyncio.gather(*(self._as_one(*each) for each in pairwise(alone)))
        alone = [each if await _is_heard(each) else each._replace(trial=None) for each in alone]
        best, chosen = [0.0], [list[_Chosen]()]
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

    async def _as_one(self, first: _Chosen, second: _Chosen) -> _Chosen | None:
        """Both as one, heard as soon as they are; None if that would gain nothing, or was refused."""
        most = first.piece.settings.vad.max_utterance_ms * INTERNAL_SAMPLE_RATE_HZ // 1000
        if len(first.piece.cut.samples) + len(second.piece.cut.samples) > most:
            return None
        if not (await _is_heard(first) and await _is_heard(second)):
            return None
        trials = [each.trial for each in (first, second) if each.trial is not None]
        if not any(trial.is_unsure for trial in trials):
            return None
        pair = self._submitted(first.piece.joined(second.piece))
        return pair if await _is_heard(pair) else None

    def _submitted(self, piece: _Piece) -> _Chosen:
        trial = self._dispatcher.try_out(piece.cut, piece.settings)
        if trial is not None:
            self._trials.append(trial)
        return _Chosen(piece, trial)


async def _is_heard(tried: _Chosen) -> bool:
    return tried.trial is not None and await tried.trial.heard()


def _worth(trial: Trial | None) -> float:
    return 0.0 if trial is None else trial.tokens * trial.confidence
