"""Tracebacks for logs, without the messages of exceptions: a message may quote what a caller said."""

from __future__ import annotations

import traceback


def anonymous_traceback(error: BaseException) -> str:
    """The types of an exception and of its causes, and the lines that raised them, without messages."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        kind = type(current)
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"{kind.__module__}.{kind.__qualname__}\n{frames}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "caused by ".join(parts)
