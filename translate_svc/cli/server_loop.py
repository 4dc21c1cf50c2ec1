"""The event loop of a process that serves."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from translate_svc.cli.logs import log_loop_error

BLOCKING_THREADS = 6
"""For calls that block: uploaded files, clips, names. More of them at a time wait for one another."""


def prepare_server_loop() -> None:
    """Logs what callbacks of the running loop raise, and gives it all threads that it will ever have.

    An executor that begins its threads when it first needs them makes a process grow for hours, and a thread
    that leaks is not seen among them.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    executor = ThreadPoolExecutor(BLOCKING_THREADS, "blocking")
    all_there = threading.Barrier(BLOCKING_THREADS)  # a call that waits makes the next one begin a thread
    for _ in range(BLOCKING_THREADS):
        executor.submit(all_there.wait)
    loop.set_default_executor(executor)
