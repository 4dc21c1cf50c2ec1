"""Fits the speech of a dub into its places: one pass measures it, a second speaks faster where it must.

The speech of an utterance has room until the speech of the next one starts. Where it takes longer, its
duration factor is lowered, in the second pass alone and for this utterance alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.cli.targets import SPEECH_FORMAT
from translate_svc.types import (
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamSettings,
)

FASTEST = 0.7
"""Lowest factor that is taken: speech that is faster is hard to follow."""

_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class FitPoint:
    """From the source's sample ``position`` on, the next utterance has ``settings``."""

    position: int
    settings: StreamSettings


class FitPlanner:
    """A sink that measures the speech of all utterances."""

    def __init__(self, settings: StreamSettings, input_rate_hz: int) -> None:
        """``settings``: those of the stream that is measured."""
        self._settings = settings
        self._input_rate_hz = input_rate_hz
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._speech_samples: defaultdict[tuple[int, str], int] = defaultdict(int)

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Counts speech of the only stream, and keeps the places of utterances."""
        if isinstance(event, SpeechStarted):
            self._starts[event.utterance_id] = max(event.position, event.speech_position)
        elif isinstance(event, SpeechEnded):
            self._ends[event.utterance_id] = event.source.end
        elif isinstance(event, SpeechChunk):
            samples = event.sample_count or len(event.data) // 2
            self._speech_samples[event.utterance_id, event.language] += samples

    def finish(self, source_samples: int) -> None:
        """Does nothing: the plan is asked for."""

    def plan(self, source_samples: int) -> list[FitPoint]:
        """The settings of each utterance whose settings differ from the ones before, in order."""
        points: list[FitPoint] = []
        current = self._settings
        numbers = sorted(self._starts)
        for place, number in enumerate(numbers):
            following = numbers[place + 1 : place + 2]
            limit = self._starts[following[0]] if following else source_samples
            room_s = (limit - self._starts[number]) / self._input_rate_hz - _PAUSE_S
            settings = self._fitted(number, room_s)
            if settings != current:
                position = self._ends[numbers[place - 1]] if place else 0
                points.append(FitPoint(position, settings))
                current = settings
        return points

    def _fitted(self, number: int, room_s: float) -> StreamSettings:
        targets = []
        for target in self._settings.targets:
            spoken_s = self._speech_samples[number, target.language] / SPEECH_FORMAT.sample_rate_hz
            ratio = room_s / spoken_s if spoken_s else 1.0
            fastest = min(FASTEST, target.duration_factor)
            factor = max(fastest, round(target.duration_factor * ratio, 2))
            targets.append(replace(target, duration_factor=factor) if ratio < 1 else target)
        return replace(self._settings, targets=tuple(targets))


async def with_updates(
    blocks: AsyncIterator[Samples],
    points: Sequence[FitPoint],
    update: Callable[[StreamSettings], Awaitable[None]],
) -> AsyncIterator[Samples]:
    """Yields ``blocks``, and calls ``update`` at the place of each point, when all before it was taken."""
    waiting, position = list(points), 0
    async for block in blocks:
        while waiting and waiting[0].position < position + len(block):
            point = waiting.pop(0)
            count = max(0, point.position - position)
            if count:
                yield block[:count]
            block, position = block[count:], position + count
            await update(point.settings)
        yield block
        position += len(block)
