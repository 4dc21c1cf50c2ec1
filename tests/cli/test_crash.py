"""A server that crashes in native code says where it was."""

from __future__ import annotations

import signal

import pytest

from tests.cli.process import serving


@pytest.mark.parametrize("name", [signal.SIGSEGV, pytest.param(signal.SIGBUS, marks=pytest.mark.slow)])
async def test_a_crash_says_where_each_thread_was(name: signal.Signals) -> None:
    async with serving() as (process, _):
        process.send_signal(name)
        assert process.stderr is not None
        error = (await process.stderr.read()).decode()
        assert await process.wait() == -name
    assert "Fatal Python error" in error
    assert "engine_thread.py" in error
