"""Progress of the translation of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from translate_svc.cli.output.channel_sides import ONE_STREAM, ChannelSide
from translate_svc.types import Samples, SessionEvent, SpeechStarted, UtteranceDone


class SampleCounter:
    """Counts the samples of a source that were sent: over one stream, or over one for each side."""

    def __init__(self, sides: Sequence[ChannelSide] = ONE_STREAM) -> None:
        self._sent_samples = dict.fromkeys(sides, 0)

    @property
    def sent_samples(self) -> int:
        """Samples of the source that were sent over all streams."""
        return min(self._sent_samples.values())

    def sent_of(self, side: ChannelSide) -> int:
        """Samples that were sent over one stream."""
        return self._sent_samples[side]

    async def counted(
        self, blocks: AsyncIterator[Samples], side: ChannelSide = None
    ) -> AsyncIterator[Samples]:
        """Yields ``blocks`` of a side and counts them as sent."""
        async for block in blocks:
            self._sent_samples[side] += len(block)
            self._sent()
            yield block

    def _sent(self) -> None:
        """Called for each block."""


class SourceProgress(SampleCounter):
    """Counts the source samples that are done: those before the first unfinished utterance, or all that were
    sent. ``bar`` shows the count on standard error, unless another view contains it. It pulses if the length
    is not known.
    """

    def __init__(
        self,
        name: str,
        duration_ms: int | None,
        rate_hz: int,
        clock: Callable[[], float],
        sides: Sequence[ChannelSide] = ONE_STREAM,
    ) -> None:
        super().__init__(sides)
        console = Console(stderr=True)
        self._rate_hz = rate_hz
        self._clock = clock
        self._began_s: float | None = None
        self._open: dict[tuple[ChannelSide, int], int] = {}
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[position]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
        total = None if duration_ms is None else duration_ms * rate_hz // 1000
        self._end = "" if duration_ms is None else f" / {_minutes(duration_ms / 1000)}"
        self._task = self.bar.add_task(name, total=total, position="starting")

    @property
    def done_samples(self) -> int:
        """Samples that are done, at the source's rate."""
        return min([self.sent_samples, *self._open.values()])

    def _sent(self) -> None:
        if self._began_s is None:
            self._began_s = self._clock()
        self._show()

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Counts the utterance when it starts and when it is done."""
        if isinstance(event, SpeechStarted):
            self._open[side, event.utterance_id] = event.position
        elif isinstance(event, UtteranceDone):
            self._open.pop((side, event.utterance_id), None)
            self._show()

    def finish(self, source_samples: int) -> None:
        """Completes the bar."""
        self.bar.update(self._task, total=source_samples, completed=source_samples)

    def _show(self) -> None:
        done_s = self.done_samples / self._rate_hz
        elapsed_s = 0.0 if self._began_s is None else self._clock() - self._began_s
        pace = done_s / max(elapsed_s, 1e-3)
        position = f"{_minutes(done_s)}{self._end}  {pace:.1f}x"
        self.bar.update(self._task, completed=self.done_samples, position=position)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
