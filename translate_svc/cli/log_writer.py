"""Writes log lines in a thread of its own, so that no other thread waits for their reader."""

from __future__ import annotations

import contextlib
import logging
import queue
from logging.handlers import QueueHandler, QueueListener
from typing import TextIO

_MAX_LINES = 1_000
_FLUSH_S = 1.0


class LogWriter(QueueHandler):
    """Lines that wait are bounded. Further ones are dropped and counted, and the count is written later.

    A pipe that nobody reads holds 64 KiB. A thread that logs into it directly then stops.
    """

    queue: queue.Queue[logging.LogRecord]

    def __init__(self, stream: TextIO, max_lines: int = _MAX_LINES) -> None:
        super().__init__(queue.Queue(max_lines))
        self._dropped = 0
        _StreamListener(self.queue, stream).start()

    def enqueue(self, record: logging.LogRecord) -> None:
        """Leaves the record, whose message is the whole line, to the thread. Never waits."""
        if self._dropped and not self.queue.full():
            dropped, self._dropped = self._dropped, 0
            count = logging.LogRecord(
                __name__, logging.WARNING, __file__, 0, "%d log lines were dropped", (dropped,), None
            )
            self.queue.put_nowait(self.prepare(count))
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Waits until all lines are written, for a second at most."""
        with self.queue.all_tasks_done:
            self.queue.all_tasks_done.wait_for(lambda: not self.queue.unfinished_tasks, _FLUSH_S)


class _StreamListener(QueueListener):
    """A thread that writes lines. It uses no handler of its own: at exit, logging would wait for its lock."""

    def __init__(self, lines: queue.Queue[logging.LogRecord], stream: TextIO) -> None:
        super().__init__(lines)
        self._stream = stream

    def handle(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        with contextlib.suppress(OSError, ValueError):  # nobody can be told that the log is gone
            self._stream.write(f"{record.msg}\n")
            self._stream.flush()
