"""Ctrl-C at any moment ends a command quickly and without a traceback. Importing this costs nothing.

While a command is imported, ``leave`` handles the signal: nothing has been begun. Afterwards Python's own
handler raises KeyboardInterrupt, which ``main`` reports. ``run`` does the same for coroutines, which asyncio
cancels.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

from translate_svc.cli.exit_codes import EXIT_INTERRUPTED

INTERRUPTED = "translate-svc: interrupted"

_CLEAN_UP_S = 2.0
_TERMINATIONS = (signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


def leave(signum: int = signal.SIGINT, frame: FrameType | None = None) -> None:
    """Ends the process at once, without clean-up. A handler of SIGINT."""
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{INTERRUPTED}\n".encode())
    os._exit(EXIT_INTERRUPTED)


def run(main: Coroutine[Any, Any, T], *, terminable: bool = False) -> T:
    """``asyncio.run`` whose Ctrl-C does not wait for threads.

    Ctrl-C cancels ``main``, which then has two seconds to clean up. A model that a thread is loading is not
    waited for: the process leaves without it. ``terminable``: SIGTERM, and SIGHUP of a terminal that is
    closed, do the same; by themselves they would leave half-written files and child processes.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when everything has ended in time.
    """
    timer = threading.Timer(_CLEAN_UP_S, leave)
    timer.daemon = True
    before = signal.getsignal(signal.SIGINT)
    # not where they are ignored, as under nohup
    as_ctrl_c = [each for each in _TERMINATIONS if terminable and signal.getsignal(each) is signal.SIG_DFL]
    for each in as_ctrl_c:
        signal.signal(each, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        return asyncio.run(_hurried(main, timer))
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
        for each in as_ctrl_c:
            signal.signal(each, signal.SIG_DFL)


async def _hurried(main: Coroutine[Any, Any, T], timer: threading.Timer) -> T:
    try:
        return await main
    except asyncio.CancelledError:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        timer.start()
        raise
