"""How the process gets its memory from the system."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 << 20
_KEPT = 1 << 30


class _Mallinfo2(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and later (``mallinfo(3)``)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@cache
def _glibc() -> ctypes.CDLL | None:
    """The C library of this process, if it is glibc: to tell reads the interpreter's file."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def keep_freed_memory() -> None:
    """Makes glibc's allocator keep freed memory, up to one gibibyte, for later tensors.

    By default it maps new memory for each large tensor, and the system zeroes the pages one fault at a time.
    That takes up to half of the time of a stage whose activations are megabytes. The setting applies to the
    whole process. Without glibc this function does nothing.
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)


def return_freed_memory() -> None:
    """Gives what was kept so far back to the system: after the start, or after a burst of messages."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def free_bytes() -> int:
    """What the allocator holds and nobody uses, be it resident or not; 0 where it cannot tell."""
    libc = _glibc()
    if libc is None or not hasattr(libc, "mallinfo2"):
        return 0
    libc.mallinfo2.restype = _Mallinfo2
    return int(libc.mallinfo2().fordblks)
