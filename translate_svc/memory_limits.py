"""The limits of this process's memory, and how much of each is used: as the kernel tells them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc/self")
_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_CACHES = ("active_file", "inactive_file")
"""Pages of files in ``memory.stat``. The kernel drops them before it ends a process."""
_VERSION_1, _VERSION_2 = ("memory.limit_in_bytes", "memory.usage_in_bytes"), ("memory.max", "memory.current")
_UNLIMITED_BYTES = 1 << 60
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """How much is used of one limit, in bytes. ``limit`` names it."""

    limit: str
    used_bytes: int
    limit_bytes: int

    @property
    def share(self) -> float:
        """The part that is used; 1: all."""
        return self.used_bytes / self.limit_bytes

    def __str__(self) -> str:
        return f"{self.used_bytes // _MIB} of {self.limit_bytes // _MIB} MiB of {self.limit}"


def memory_uses(proc: Path = _PROC, control_groups: Path = _CONTROL_GROUPS) -> list[MemoryUse]:
    """Every limit that there is, and its use."""
    return [*_process_uses(proc), *_group_uses(proc, control_groups)]


def _process_uses(proc: Path) -> Iterator[MemoryUse]:
    try:
        fields = (proc / "statm").read_text().split()
    except OSError:
        return  # not Linux, or no descriptor is left
    import resource  # not at the top: Windows, where clients run, has none

    page_bytes = resource.getpagesize()
    for name, limit, pages in (
        ("address space (ulimit -v)", resource.RLIMIT_AS, int(fields[0])),
        ("data (ulimit -d)", resource.RLIMIT_DATA, int(fields[5])),
    ):
        limit_bytes, _ = resource.getrlimit(limit)
        if limit_bytes != resource.RLIM_INFINITY and limit_bytes > 0:
            yield MemoryUse(name, pages * page_bytes, limit_bytes)


def _group_uses(proc: Path, control_groups: Path) -> Iterator[MemoryUse]:
    try:
        lines = (proc / "cgroup").read_text().splitlines()
    except OSError:
        return
    for controllers, folder, files in (("", "", _VERSION_2), ("memory", "memory", _VERSION_1)):
        root = control_groups / folder
        for line in lines:
            _, controlled, path = line.split(":", 2)
            if controlled == controllers:
                group = root / path.strip("/")
                # a container may not see the groups above its own
                inside = [each for each in (group, *group.parents) if each.is_relative_to(root)]
                yield from filter(None, (_group_use(each, *files) for each in inside))


def _group_use(group: Path, limit_file: str, used_file: str) -> MemoryUse | None:
    """How much of the limit of ``group`` is used; None if it has no limit."""
    try:
        limit_bytes = int((group / limit_file).read_text())
        used_bytes = int((group / used_file).read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None  # the root has none, and "max" is no number
    if limit_bytes >= _UNLIMITED_BYTES:
        return None
    caches_bytes = sum(int(stat.get(f"total_{name}", stat.get(name, 0))) for name in _CACHES)
    return MemoryUse("the control group", used_bytes - caches_bytes, limit_bytes)


def resident_bytes(proc: Path = Path("/proc")) -> int | None:
    """The memory that this process holds now; None where no ``/proc`` tells."""
    try:
        return int((proc / "self" / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def memory_to_hold(proc: Path = Path("/proc"), control_groups: Path = _CONTROL_GROUPS) -> MemoryUse | None:
    """The tightest bound on what this process can hold in all: what it holds now, and what is free.

    ``limit_bytes`` is that sum and ``used_bytes`` what is held. Beside the limits of ``memory_uses`` it knows
    the machine's memory, without swap. None where no ``/proc`` tells.
    """
    held = resident_bytes(proc)
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return None
    if held is None:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    machine = int(fields["MemAvailable"].split()[0]) * 1024
    free = [("the machine", machine)]
    free += [
        (use.limit, use.limit_bytes - use.used_bytes) for use in memory_uses(proc / "self", control_groups)
    ]
    limit, least = min(free, key=lambda each: each[1])
    return MemoryUse(limit, held, held + max(least, 0))
