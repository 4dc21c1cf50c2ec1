"""Tracebacks for logs, without the messages of exceptions: a message may quote what a caller said."""

from __future__ import annotations

import traceback

_MOST_HELD = 4


def anonymous_traceback(error: BaseException) -> str:
    """The types of an exception, of its causes and of what a group holds, and the lines that raised them,
    without messages.
    """
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        kind = type(current)
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"{kind.__module__}.{kind.__qualname__}\n{frames}{_held(current)}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "caused by ".join(parts)


def _held(error: BaseException) -> str:
    """The first exceptions of a group: a group says by itself only that something failed."""
    held = error.exceptions[:_MOST_HELD] if isinstance(error, BaseExceptionGroup) else ()
    return "".join(f"of which {anonymous_traceback(each)}" for each in held)
