"""Structured logs on stderr, one record per line. They never contain what a caller said.

On a terminal they are lines for people, elsewhere JSON; a setting forces one of them.
The fields of a record are passed as ``extra={"fields": {...}}``. They follow ``time``, ``level``, ``logger``
and ``message``. An exception is logged with its type and its stack, but without its message.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import faulthandler
import json
import logging
import os
import queue
import re
import sys
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

from translate_svc.observability.tracebacks import anonymous_traceback

_BARE = re.compile(r"[^\s\"=\\]+")
_MAX_LINES = 1_000
_STDERR = 2
_FLUSH_S = 1.0


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        return json.dumps(_entry(record), ensure_ascii=False)


class LogfmtFormatter(logging.Formatter):
    """Formats a record as ``key=value`` pairs; values with blanks, quotes or ``=`` are JSON strings."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        return " ".join(f"{key}={_bare(value)}" for key, value in _entry(record).items())


class TextFormatter(logging.Formatter):
    """Formats a record for people: local time, level from warnings up, message and fields; then the stack."""

    def __init__(self, *, colored: bool) -> None:
        super().__init__()
        self._colored = colored

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, and one for each line of a stack."""
        entry = _entry(record)
        stack = str(entry.pop("error", "")).rstrip()
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        for name in ("time", "level", "logger"):
            del entry[name]
        message = _one_line(entry.pop("message"))
        fields = "".join(f"  {key}={_bare(value)}" for key, value in entry.items())
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        if self._colored:
            moment, fields = f"\x1b[2m{moment}\x1b[0m", fields and f"\x1b[2m{fields}\x1b[0m"
            color = 31 if record.levelno >= logging.ERROR else 33
            level = level and f"\x1b[{color}m{level}\x1b[0m"
        return "\n".join(
            [f"{moment} {level}{message}{fields}", *(f"  {line}" for line in stack.splitlines())]
        )


def configure_logs(level: str, log_format: str = "auto", *, waits: bool = True) -> None:
    """Writes to stderr: logs of this package from ``level`` up, and warnings of other packages.

    ``log_format``: ``json``, ``logfmt``, ``text``, or ``auto``: text on a terminal, else JSON. ``waits``: for
    who reads stderr; otherwise lines are dropped and counted while nobody reads (``LogWriter``).
    A crash in native code (SIGSEGV, SIGBUS, ...) writes there where each thread was.
    """
    faulthandler.enable(_STDERR)
    handler = logging.StreamHandler(sys.stderr) if waits else LogWriter(sys.stderr)
    handler.setFormatter(_formatter(log_format, terminal=sys.stderr.isatty()))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("translate_svc").setLevel(level.upper())


def flush_logs() -> None:
    """Waits until what was logged is written, for a second at most: what is printed next comes behind it."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The exception handler of an event loop: logs what happened and where.

    asyncio's own handler would also log the callback's arguments and the exception's message.
    """
    del loop
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        logging.getLogger("asyncio").error("no descriptor is left: connections wait, raise `ulimit -n`")
        return
    what = re.split(r"[<(\n]", context["message"], maxsplit=1)[0].strip()
    logging.getLogger("asyncio").error("%s", what, exc_info=error)


def _formatter(log_format: str, *, terminal: bool) -> logging.Formatter:
    if log_format == "logfmt":
        return LogfmtFormatter()
    if log_format == "text" or (log_format == "auto" and terminal):
        return TextFormatter(colored=terminal and not os.environ.get("NO_COLOR"))
    return JsonFormatter()


def _one_line(text: str) -> str:
    """``text`` with its control characters written out: they would move a terminal's cursor."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _entry(record: logging.LogRecord) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    entry |= getattr(record, "fields", {})
    if record.exc_info and record.exc_info[1] is not None:
        entry["error"] = anonymous_traceback(record.exc_info[1])
    return entry


def _bare(value: object) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


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
