"""What nvidia-smi says of the card while something runs."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.first.place import Place

_ASKED = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")


@contextlib.contextmanager
def sampled(place: Place) -> Iterator[dict[str, Any]]:
    """Fills in figures at the end: the share of the time in which some kernel ran, an upper bound of the busy
    share, and the most memory in use, of all processes. Nothing without a card.
    """
    figures: dict[str, Any] = {}
    command = shutil.which("nvidia-smi") if place.is_cuda else None
    if command is None:
        yield figures
        return
    sampler = subprocess.Popen([command, *_ASKED, "-lms", "200"], stdout=subprocess.PIPE, text=True)
    try:
        yield figures
    finally:
        sampler.terminate()
        said, _ = sampler.communicate()
        if rows := _rows(said):
            figures["utilization, %"] = round(statistics.mean(share for share, _ in rows), 1)
            figures["memory of the card, most, MiB"] = max(used for _, used in rows)


def memory_mib(place: Place) -> int | None:
    """In use on the card now, by all processes; None without a card."""
    command = shutil.which("nvidia-smi") if place.is_cuda else None
    if command is None:
        return None
    rows = _rows(subprocess.run([command, *_ASKED], capture_output=True, text=True, check=False).stdout)
    return rows[0][1] if rows else None


def _rows(said: str) -> list[tuple[int, int]]:
    """The whole lines: the last one may have been cut."""
    parts = [[each.strip() for each in line.split(",")] for line in said.splitlines()]
    return [(int(row[0]), int(row[1])) for row in parts if len(row) == 2 and all(map(str.isdigit, row))]
