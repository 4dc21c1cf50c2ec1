"""Recordings whose cuts the model itself may take back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from translate_svc.session.inbound.source_events import (
    Committed,
    SettingsApplied,
    Utterance,
    UtteranceGrew,
    UtteranceStarted,
)
from translate_svc.session.outbound.dispatcher import Dispatcher
from translate_svc.session.outbound.stretch import Piece, Stretch
from translate_svc.session.outbound.trial import Trial
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import Segmentation

_Later = UtteranceStarted | Committed | SettingsApplied
"""What may come while pieces are tried, and takes effect behind them."""


class SecondHearing:
    """A ``UtteranceSink`` before the dispatcher.

    ``HINDSIGHT`` cuts a stretch of speech at once, where it hears pauses, and a comma or a plosive may sound
    like the end of a sentence. So the model hears its pieces before they are utterances (``Stretch``), and
    what is not chosen is never told. A stretch of 30 s bounds how many wait. Single pieces between clear
    pauses pass through, and so does everything of other segmentations, and of a server that is behind.

    While a stretch is tried, the input goes on, up to the end of the next one. What comes meanwhile waits, so
    the dispatcher gets everything in the order of the stream.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        settings: Negotiated,
        max_trials: int,
        on_failure: Callable[[Exception], None],
    ) -> None:
        """``max_trials``: as of ``Stretch``. ``on_failure`` is told when the engine takes nothing more."""
        self._dispatcher = dispatcher
        self._settings = settings
        self._max_trials = max_trials
        self._on_failure = on_failure
        self._speech_position = 0
        self._pieces: list[Piece] = []  # of the stretch whose end was not heard yet
        self._tried: list[Piece] = []  # of the stretch before it; those that the dispatcher does not have
        self._later: list[_Later] = []
        self._stretch: Stretch | None = None
        self._task: asyncio.Task[None] | None = None
        self._tasks = set[asyncio.Task[None]]()  # with those that were cancelled and have not ended
        self._clears = 0

    def apply_settings(self, settings: Negotiated) -> None:
        """Implements ``UtteranceSink``."""
        self._settings = settings
        if self._pieces:
            self._pieces[-1].updates.append(settings)
        else:
            self._pass_on(SettingsApplied(settings))

    def begin(self, position: int, speech_position: int) -> None:
        """Implements ``UtteranceSink``. A piece begins when it is known to be an utterance."""
        self._speech_position = speech_position
        if not self._waits:
            self._pass_on(UtteranceStarted(position, speech_position))

    async def cut(self, cut: Utterance, last_sample_s: float) -> None:
        """Implements ``UtteranceSink``. The last piece of a stretch decides about all."""
        if not self._waits:
            if await self._is_next():
                await self._dispatcher.cut(cut, last_sample_s)
            return
        self._pieces.append(Piece(cut, self._speech_position, last_sample_s, self._settings))
        if not cut.followed and await self._is_next():
            self._try_pieces()

    async def grow(self, grown: UtteranceGrew, last_sample_s: float) -> int | None:
        """Implements ``UtteranceSink``."""
        return await self._dispatcher.grow(grown, last_sample_s) if await self._is_next() else None

    def commit(self, committed: Committed) -> None:
        """Implements ``UtteranceSink``."""
        self._pass_on(committed)

    def clear(self, through_sample: int) -> None:
        """As ``Dispatcher.clear``; drops what waits, too."""
        self._clears += 1
        kept = [each for each in self._later if not isinstance(each, UtteranceStarted)]
        events = [*_events_behind(self._tried), *kept, *_events_behind(self._pieces)]
        self.close()
        self._task = self._stretch = None
        self._pieces, self._tried, self._later = [], [], []
        self._dispatcher.clear(through_sample)
        for event in events:
            self._pass_on(event)

    async def settled(self) -> None:
        """Implements ``UtteranceSink``: waits until the dispatcher has every stretch whose end was heard."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def close(self) -> None:
        """Drops the stretch that is tried. Nothing may follow. Idempotent."""
        if self._task is not None and self._stretch is not None:
            self._task.cancel()
            self._stretch.drop()

    async def join(self) -> None:
        """Waits until nothing of it runs any more, after ``close``."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def _waits(self) -> bool:
        return bool(self._pieces) or self._settings.settings.segmentation is Segmentation.HINDSIGHT

    async def _is_next(self) -> bool:
        """Waits for the stretch before. False if a ``clear`` came meanwhile."""
        clears = self._clears
        await self.settled()
        return self._clears == clears

    def _pass_on(self, event: _Later) -> None:
        if self._task is not None:
            self._wait_with(event)
            return
        match event:
            case UtteranceStarted(position, speech_position):
                self._dispatcher.begin(position, speech_position)
            case Committed():
                self._dispatcher.commit(event)
            case SettingsApplied(settings):
                self._dispatcher.apply_settings(settings)

    def _wait_with(self, event: _Later) -> None:
        """A commit point replaces the one before it, so an hour of silence is one event."""
        last = self._later[-1] if self._later else None
        if isinstance(event, Committed) and isinstance(last, Committed) and not last.updates:
            self._later.pop()
        self._later.append(event)

    def _try_pieces(self) -> None:
        self._tried, self._pieces = self._pieces, []
        self._stretch = stretch = Stretch(self._dispatcher, list(self._tried), self._max_trials)
        self._task = asyncio.create_task(self._tell(stretch), name="session-stretch")
        self._tasks.add(self._task)
        self._task.add_done_callback(self._tasks.discard)

    async def _tell(self, stretch: Stretch) -> None:
        """Tells the dispatcher the utterances of a stretch, and what came meanwhile. ``clear`` cancels it."""
        try:
            for choice in stretch.choices():
                for piece, trial in await choice:
                    await self._tell_piece(piece, trial)
        except Exception as error:
            self._on_failure(error)
            return
        finally:
            stretch.drop()
        self._task = self._stretch = None
        later, self._later = self._later, []
        for event in later:
            self._pass_on(event)

    async def _tell_piece(self, piece: Piece, trial: Trial | None) -> None:
        later = [each for each in self._tried if each.cut.source.start >= piece.cut.source.end]
        self._tried = [piece.without_commit(), *later]
        self._dispatcher.begin(piece.cut.source.start, piece.speech_position)
        await self._dispatcher.cut(piece.cut, piece.last_sample_s, trial)
        self._tried = later
        for settings in piece.updates:
            self._dispatcher.apply_settings(settings)


def _events_behind(pieces: Sequence[Piece]) -> Iterator[Committed | SettingsApplied]:
    """What holds of pieces that are dropped: the input does not report a commit point a second time."""
    for piece in pieces:
        if piece.cut.commits:
            yield Committed(piece.cut.commit_position, piece.cut.updates)
        yield from map(SettingsApplied, piece.updates)
