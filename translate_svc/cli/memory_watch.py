"""Notices that this process nears a limit of its memory, before the system ends it."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SHORT_SHARE = 0.95
"""From this share of a limit on the memory is short."""
_INTERVAL_S = 0.25
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


class MemoryWatch:
    """Tells when a limit is nearly reached. Beyond it an allocation fails, and the process aborts.

    The limits: those of the process (``ulimit -v``, ``ulimit -d``), and those of its control group and the
    groups above, which is what container runtimes set.
    """

    def __init__(
        self,
        on_short: Callable[[MemoryUse], None],
        read: Callable[[], list[MemoryUse]] | None = None,
    ) -> None:
        """``on_short`` is called at ``SHORT_SHARE``, and once more half way between there and the limit."""
        self._on_short = on_short
        self._read = read or memory_uses

    async def run(self) -> None:
        """Returns after the second call of ``on_short``. Cancel it to stop watching."""
        for share in (SHORT_SHARE, (SHORT_SHARE + 1) / 2):
            while (use := self._largest()) is None or use.share < share:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(_INTERVAL_S)
            self._on_short(use)

    def _largest(self) -> MemoryUse | None:
        return max(self._read(), key=lambda use: use.share, default=None)


def memory_uses(proc: Path = _PROC, control_groups: Path = _CONTROL_GROUPS) -> list[MemoryUse]:
    """Every limit that there is, and its use."""
    return [*_process_uses(proc), *_group_uses(proc, control_groups)]


def _process_uses(proc: Path) -> Iterator[MemoryUse]:
    try:
        fields = (proc / "statm").read_text().split()
    except OSError:
        return  # not Linux, or no descriptor is left
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
