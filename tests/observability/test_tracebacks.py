"""Exceptions in the log: where they came from, and nothing that a caller said."""

from __future__ import annotations

import asyncio

from translate_svc.observability.tracebacks import anonymous_traceback


async def _fail(said: str) -> None:
    raise LookupError(said)


async def test_a_group_names_what_it_holds() -> None:
    """The error of a task group says by itself nothing of what failed."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_fail("secret"))
    except ExceptionGroup as error:
        text = anonymous_traceback(error)
    assert "of which builtins.LookupError" in text
    assert "in _fail" in text
    assert "LookupError: secret" not in text
