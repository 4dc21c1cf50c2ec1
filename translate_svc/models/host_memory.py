"""How the process gets its memory from the system."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 << 20
_KEPT = 1 << 30


def keep_freed_memory() -> None:
    """Makes glibc's allocator keep what is freed, up to a gibibyte, for the next of that size.

    By default it maps each large tensor anew, and the system zeroes its pages one fault at a time: up to half
    of the time of a stage whose activations are megabytes. For the whole process; without glibc nothing
    happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
    libc.mallopt(_TRIM_THRESHOLD, _KEPT)
