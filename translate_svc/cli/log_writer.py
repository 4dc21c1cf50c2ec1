"""Writes log lines in a thread of its own, so that nobody waits for who reads them."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from typing import TextIO

_MAX_LINES = 1_000
_FLUSH_S = 1.0


class LogWriter(logging.Handler):
    """Lines that wait are bounded. Further ones are dropped and counted, and the count is written later.

    A pipe that nobody reads holds 64 KiB. Whoever logs into it directly then stops.
    """

    def __init__(self, stream: TextIO, max_lines: int = _MAX_LINES) -> None:
        super().__init__()
        self._stream = stream
        self._lines: queue.Queue[str] = queue.Queue(max_lines)
        self._dropped = 0
        threading.Thread(target=self._run, name="log-writer", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Formats the record and leaves it to the thread. Never waits."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if self._dropped:
            if self._lines.full():
                self._dropped += 1
                return
            dropped, self._dropped = self._dropped, 0
            count = logging.LogRecord(
                __name__, logging.WARNING, __file__, 0, "%d log lines were dropped", (dropped,), None
            )
            self._lines.put_nowait(self.format(count))
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Waits until all lines are written, for a second at most."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, _FLUSH_S)

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            with contextlib.suppress(OSError, ValueError):  # nobody can be told that the log is gone
                self._stream.write(line + "\n")
                self._stream.flush()
            self._lines.task_done()
