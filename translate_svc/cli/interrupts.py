"""Ctrl-C at any moment ends a command quickly and without a traceback.

Importing this costs nothing, because Ctrl-C is not quiet before. So functions import what they need.

While a command is imported, ``leave`` handles the signal: nothing has been begun. Afterwards Python's own
handler raises KeyboardInterrupt, which ``main`` reports. While ``run`` runs a coroutine, the first Ctrl-C
cancels it, and the second one leaves at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from translate_svc.cli.exit_codes import EXIT_INTERRUPTED

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path
    from types import FrameType

INTERRUPTED = "translate-svc: interrupted"

_CLEAN_UP_S = 2.0
_SETTLED_S = 5.0
_SAME_PRESS_S = 0.05
"""Two signals within this time are one press: ``timeout`` of coreutils sends two."""

TERMINATIONS = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
"""What asks a process to end, beside Ctrl-C."""
_exit_codes = [EXIT_INTERRUPTED]
_last_acts: dict[object, Callable[[], None]] = {}

T = TypeVar("T")


@contextmanager
def at_leave(act: Callable[[], None]) -> Iterator[None]:
    """In the block, ``leave`` calls ``act`` before it ends the process, because the block's own clean-up then
    does not run. For child processes and half-written files. ``act`` must be quick, and may run in any thread
    and at any moment of the block.
    """
    key = object()
    _last_acts[key] = act
    try:
        yield
    finally:
        del _last_acts[key]


@contextmanager
def removed_at_end(path: Path) -> Iterator[None]:
    """Removes a file, or a folder with all it holds, at the end of the block or by ``leave``. If the process
    is killed, ``remove_leftovers`` of a later one does.
    """

    def remove() -> None:
        _remove(path)

    with at_leave(remove):  # outside of the block's own clean-up, which may be interrupted
        held = None
        with suppress(OSError):
            held = lock(path)
        try:
            yield
        finally:
            remove()
            if held is not None:
                os.close(held)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Removes what ``removed_at_end`` of a killed process has left in ``folder``: paths that match
    ``pattern``, are some seconds old, and that no process holds.
    """
    for path in folder.glob(pattern):
        with suppress(OSError):
            is_old = time.time() - path.stat().st_mtime > _SETTLED_S
            if is_old and not path.is_symlink() and (held := lock(path)) is not None:
                _remove(path)
                os.close(held)


def lock(path: Path) -> int | None:
    """A descriptor that keeps other processes from locking a file or folder; None where there are no such
    locks.

    Raises:
        BlockingIOError: another process has it.
        OSError: it cannot be opened.
    """
    try:
        import fcntl
    except ModuleNotFoundError:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder that is removed at the end of the block, and by ``leave``. What killed processes have left
    of the same ``prefix`` is removed now.

    ``parent``: the folder to make it in; None: the system's folder for temporary files.
    """
    import tempfile
    from pathlib import Path

    remove_leftovers(parent or Path(tempfile.gettempdir()), f"{prefix}*")
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    with removed_at_end(folder):
        yield folder


def leave(signum: int = signal.SIGINT, frame: FrameType | None = None) -> None:
    """Ends the process at once. Of all clean-up only that of ``at_leave`` runs. A handler of SIGINT."""
    for act in reversed(list(_last_acts.values())):
        with suppress(Exception):
            act()
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{INTERRUPTED}\n".encode())
    os._exit(_exit_codes[-1])


def heed_terminations_as_first_process() -> None:
    """SIGTERM, and SIGHUP, end the first process of a container at once, as they end any other. The kernel
    drops signals for which such a process has no handler, so one that loads a model would serve after all.
    """
    if os.getpid() == 1:
        for each in heeded(TERMINATIONS):
            signal.signal(each, _leave_by_signal)


def heeded(signals: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Those that this process was not started to ignore, as SIGHUP is under nohup."""
    return [each for each in signals if signal.getsignal(each) is not signal.SIG_IGN]


def _leave_by_signal(signum: int, frame: FrameType | None) -> None:
    _exit_codes.append(128 + signum)
    leave()


def end() -> None:
    """Ends a command that was interrupted and has cleaned up.

    Libraries take a while to end with the process. Python handles no signal then, so another Ctrl-C would end
    the process by the signal.
    """
    with suppress(OSError, ValueError):  # nobody reads the output, or it is closed
        sys.stdout.flush()
    os._exit(_exit_codes[-1])


def run(main: Coroutine[Any, Any, T], *, terminable: bool = False) -> T:
    """``asyncio.run`` whose Ctrl-C does not wait for threads.

    The first Ctrl-C cancels ``main``, which then has two seconds to clean up. A model that a thread is
    loading is not waited for: the process leaves without it. The second Ctrl-C leaves at once.
    ``terminable``: SIGTERM, and SIGHUP of a terminal that is closed, do the same; by themselves they would
    leave half-written files and child processes.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when everything has ended in time.
    """
    import asyncio

    interruption = _Interruption()
    before = signal.getsignal(signal.SIGINT)
    as_ctrl_c = heeded(TERMINATIONS) if terminable else []
    ends = {each: signal.signal(each, _as_ctrl_c) for each in as_ctrl_c}
    try:
        return asyncio.run(interruption.heeded_by(main))
    except asyncio.CancelledError:
        if interruption.pressed_s is None:
            raise
        raise KeyboardInterrupt from None
    finally:
        interruption.timer.cancel()
        signal.signal(signal.SIGINT, before)
        for each, end_at_once in ends.items():
            signal.signal(each, end_at_once)


def _as_ctrl_c(signum: int, frame: FrameType | None) -> None:
    _exit_codes.append(128 + signum)
    signal.raise_signal(signal.SIGINT)


class _Interruption:
    """Ctrl-C while a coroutine runs.

    Attributes:
        pressed_s: time of the first Ctrl-C on the monotonic clock; None before it.
        timer: leaves when the clean-up takes too long.
    """

    def __init__(self) -> None:
        self.pressed_s: float | None = None
        self.timer = threading.Timer(_CLEAN_UP_S, leave)
        self.timer.daemon = True

    async def heeded_by(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs ``main``, and cancels it at the first Ctrl-C."""
        import asyncio

        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"

        def press(signum: int, frame: FrameType | None) -> None:
            if self.pressed_s is None:
                self.pressed_s = time.monotonic()
                loop.call_soon_threadsafe(task.cancel)
            elif time.monotonic() - self.pressed_s > _SAME_PRESS_S:
                leave()

        # not where it is ignored, as in the background of a shell
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, press)
        try:
            with _woken_by_signals(loop):
                return await main
        except asyncio.CancelledError:
            self.timer.start()
            raise


@contextmanager
def _woken_by_signals(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Wakes the loop at each signal within the block. A handler runs when the main thread goes on, and a
    signal that comes just before the loop begins to wait does not interrupt that.
    """
    import socket

    if sys.platform == "win32":  # its loop does so by itself
        yield
        return
    reads, writes = socket.socketpair()
    with reads, writes:
        reads.setblocking(False)
        writes.setblocking(False)
        before = signal.set_wakeup_fd(writes.fileno(), warn_on_full_buffer=False)
        loop.add_reader(reads, reads.recv, 4096)
        try:
            yield
        finally:
            loop.remove_reader(reads)
            signal.set_wakeup_fd(before)
