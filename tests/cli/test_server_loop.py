"""What a process that serves gives its event loop before it serves."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from translate_svc.cli.server_loop import BLOCKING_THREADS, prepare_server_loop


async def test_it_has_its_threads_before_the_first_caller_and_gets_no_more() -> None:
    before = threading.active_count()
    prepare_server_loop()
    prepared = threading.active_count()
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.02) for _ in range(4 * BLOCKING_THREADS)))
    assert prepared == before + BLOCKING_THREADS
    assert threading.active_count() == prepared


async def test_what_a_callback_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ArithmeticError("no such place")

    prepare_server_loop()
    asyncio.get_running_loop().call_soon(fails)
    await asyncio.sleep(0.01)
    assert "ArithmeticError" in caplog.text
