"""How far a calibration is."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress

_LINE_EVERY_S = 30.0


class CalibrationProgress:
    """A bar on a terminal that can draw one, which one with ``TERM=dumb`` cannot, else a line every 30 s:
    work of hours must not look as if it hung.
    """

    def __init__(
        self, console: Console, what: str, total: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``total``: steps of ``what``; None if nobody knows. ``clock``: seconds that only go forward."""
        self._console = console
        self._bar = Progress(console=console, transient=True, disable=not console.is_interactive)
        self._task = self._bar.add_task(what, total=total)
        self._clock = clock
        self._line_s = clock()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, what: str, total: int | None) -> None:
        """Goes on with other work."""
        self._bar.remove_task(self._task)  # reset would keep the total where there is none now
        self._task = self._bar.add_task(what, total=total)

    def advance(self) -> None:
        """Counts one step, and prints a line if it is time for one."""
        self._bar.advance(self._task)
        if not self._console.is_interactive and self._clock() - self._line_s >= _LINE_EVERY_S:
            self._line_s = self._clock()
            (task,) = self._bar.tasks
            of = "" if task.total is None else f" of {task.total:.0f}"
            self._console.print(f"{task.description}: {task.completed:.0f}{of}", markup=False)
