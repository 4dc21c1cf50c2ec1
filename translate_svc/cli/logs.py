"""Structured logs on stderr, one record per line. They never contain what a caller said.

The fields of a record are passed as ``extra={"fields": {...}}``. They follow ``time``, ``level``, ``logger``
and ``message``. An exception is logged with its type and its stack, but without its message.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from translate_svc.tracebacks import anonymous_traceback

FORMATS = ("json", "logfmt")
_BARE = re.compile(r"[^\s\"=\\]+")


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


def configure_logs(level: str, log_format: str = "json") -> None:
    """Writes to stderr: logs of this package from ``level`` up, and warnings of other packages."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogfmtFormatter() if log_format == "logfmt" else JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("translate_svc").setLevel(level.upper())


def log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The exception handler of an event loop: logs what happened and where.

    asyncio's own handler would also log the callback's arguments and the exception's message.
    """
    del loop
    what = re.split(r"[<(\n]", context["message"], maxsplit=1)[0].strip()
    error = context.get("exception")
    logging.getLogger("asyncio").error("%s", what, exc_info=error)


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
