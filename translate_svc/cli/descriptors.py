"""How many files and sockets this process may have open."""

from __future__ import annotations

import contextlib

_RESERVED = 40
"""For everything but connections: the model's libraries, probes, files that are read again, uploads."""
_LEAST_CONNECTIONS = 4


def allow_all_descriptors() -> None:
    """Raises the limit of open files as far as this user may: shells set it to 1,024 for old programs."""
    import resource  # not at the top: Windows, where clients run, has none

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # a container may forbid it; then the limit stays
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_within_limit(most: int) -> int:
    """How many connections, at most ``most``, leave enough descriptors for everything else."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return most
    return max(_LEAST_CONNECTIONS, min(most, soft - _RESERVED))
