"""How far a batch is: files, hours of audio, and when it will end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from translate_svc.cli.batch.journal import FileResult, FileStatus

_LINE_EVERY_S = 30.0


class BatchProgress:
    """Counts results, and shows them on standard error: a bar on a terminal that can draw one, which
    one with ``TERM=dumb`` cannot, else a line every 30 s.

    The time that is left follows the audio where the length of every file is known, else the number of files.
    """

    def __init__(self, files: int, clock: Callable[[], float]) -> None:
        """``files``: how many there are to do in this run."""
        self.files = files
        self.ended = 0
        self.bad = 0
        self.audio_s = 0.0
        self.total_audio_s: float | None = None
        """The audio of all files of this run; None while it is not known."""
        self._clock = clock
        self._began_s = self._line_s = clock()
        console = Console(stderr=True)
        self._bar = Progress(TextColumn("{task.fields[line]}"), BarColumn(), console=console, transient=True)
        self._task = self._bar.add_task("batch", total=files, line="starting")
        self._has_bar = console.is_interactive

    def __enter__(self) -> Self:
        if self._has_bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._has_bar:
            self._bar.stop()

    def add(self, result: FileResult) -> None:
        """Counts a file that has ended."""
        self.ended += 1
        self.bad += result.status is not FileStatus.DONE
        self.audio_s += result.audio_s
        self._bar.update(self._task, completed=self.ended, line=self.line())
        if not self._has_bar and self._clock() - self._line_s >= _LINE_EVERY_S:
            self._line_s = self._clock()
            print(f"translate-svc: {self.line()}", file=sys.stderr, flush=True)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began_s

    @property
    def left_s(self) -> float | None:
        """Seconds until the end, by the pace so far; None before the first file has ended."""
        done, total = float(self.ended), float(self.files)
        if self.total_audio_s is not None:
            done, total = self.audio_s, max(self.total_audio_s, self.audio_s)
        return (total - done) * self.elapsed_s / done if done else None

    def line(self) -> str:
        """``12/1000 files, 1.5 of 120.0 h, 45x, 2:38:10 left, 1 not whole``."""
        hours = f"{self.audio_s / 3600:.1f}"
        if self.total_audio_s is not None:
            hours += f" of {self.total_audio_s / 3600:.1f}"
        parts = [f"{self.ended}/{self.files} files", f"{hours} h", f"{self.pace:.1f}x"]
        if (left_s := self.left_s) is not None and self.ended < self.files:
            parts.append(f"{clock_time(left_s)} left")
        if self.bad:
            parts.append(f"{self.bad} not whole")
        return ", ".join(parts)

    @property
    def pace(self) -> float:
        """Seconds of audio in a second."""
        return self.audio_s / max(self.elapsed_s, 1e-3)


def clock_time(seconds: float) -> str:
    """``2:38:10``."""
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"
