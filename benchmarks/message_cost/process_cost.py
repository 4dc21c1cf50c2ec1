"""What a process tells of its cost, in a file, and what the kernel tells of its threads."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.message_cost import probes
from benchmarks.message_cost.layer_clock import LayerClock

FOLDER = "MESSAGE_COST_FOLDER"
"""The variable that names the folder of the files."""
PROBED = "MESSAGE_COST_PROBED"
"""The variable that is set where layers are to be counted."""

TELL_EVERY_S = 0.25
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def probed_clock() -> LayerClock | None:
    """Puts the probes into this process, if it is to have them."""
    if not os.environ.get(PROBED):
        return None
    clock = LayerClock(probes.BASE)
    probes.count_code(clock)
    return clock


async def tell(clock: LayerClock | None) -> None:
    """Writes the names of this process's threads and the times of its layers, again and again."""
    path = Path(os.environ[FOLDER]) / f"{os.getpid()}.json"
    while True:
        names = {thread.native_id: thread.name for thread in threading.enumerate()}
        told: dict[str, Any] = {"threads": names, "layers_us": {}, "entries": {}}
        if clock is not None:
            told |= {"layers_us": clock.times_us(), "entries": clock.entries()}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(told))
        part.replace(path)
        await asyncio.sleep(TELL_EVERY_S)


def layers(folder: Path, pid: int) -> tuple[dict[str, float], dict[str, int]]:
    """What a process told last: the time of each layer, in us, and how often it was entered."""
    told = json.loads((folder / f"{pid}.json").read_text())
    return told["layers_us"], told["entries"]


def thread_times_us(folder: Path, pid: int) -> Counter[str]:
    """Processor time of a process so far, by kind of thread; that of the kernel in its name (proc(5))."""
    names: dict[str, str] = json.loads((folder / f"{pid}.json").read_text())["threads"]
    times_us: Counter[str] = Counter()
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(") ")[2].split()
        kind = _kind(int(task.name) == pid, names.get(task.name), (task / "comm").read_text().strip())
        for name, ticks in ((kind, fields[11]), (f"{kind}, kernel", fields[12])):
            times_us[name] += round(1e6 * int(ticks) / _TICKS_A_SECOND)
    return times_us


def _kind(is_main: bool, python_name: str | None, name: str) -> str:
    if is_main:
        return "event loop"
    if python_name is None:
        return "ZeroMQ" if name.startswith("ZMQ") else "gRPC core"
    if "poll" in python_name:
        return "gRPC poller"
    return "detector" if python_name.startswith("vad") else "other threads of Python"
