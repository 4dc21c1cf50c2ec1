"""Meetings: how late sound is, what is lost, what a room costs. `python -m benchmarks.meeting`.

Janus, the translation server with the starter checkpoint, and the interpreter are processes of their own; the
people are in this one. In every room three people take turns in three languages, and each listens to the feed
in their own. Halfway through the server is killed and started again, with ``--kill``; turns around that count
for what is lost, not for lags.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from meeting_translate_svc import Room

from benchmarks.meeting import INTEGRATION
from benchmarks.meeting.conversation import Conversation, Figures
from benchmarks.meeting.janus_process import JanusProcess, janus_process
from benchmarks.resume.servers import Server, servers, starter_command
from benchmarks.telephone import cpu_s
from translate_svc.access.resume_tokens import new_resume_key

MAX_LAG_S = 2.5
"""The bar: sound behind the speaker, the mean of the lags of first and last words."""

_SETTLE_S = 5.0
_LAST_S = 40.0
_KILLED_S = 2.0
_ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def interpreter(url: str, server: Server, rooms: int) -> AsyncIterator[int]:
    """The interpreter of that many rooms, as a process; its id."""
    named = [part for room in range(1, rooms + 1) for part in ("--room", str(room))]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "meeting_translate_svc", "--janus", url, "--server", server.address,
        "--languages", "en,es,fr", *named,
        cwd=_ROOT, env=os.environ | {"PYTHONPATH": f"{INTEGRATION}{os.pathsep}{_ROOT}"},
    )  # fmt: skip
    try:
        yield process.pid
        if process.returncode is not None:
            raise RuntimeError("the interpreter has ended")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()  # it says what it has counted
        await process.wait()


async def meet(rooms: int, minutes: float, pause_s: float, folder: Path, *, kill: bool) -> dict[str, Any]:
    """The figures of that many rooms at a time."""
    keys = folder / "resume-keys"
    keys.write_text(new_resume_key() + "\n")
    flags = ("--max-streams", str(3 * rooms + 4), "--max-slots", str(max(16, 9 * rooms)))
    async with AsyncExitStack() as stack:
        url, janus = stack.enter_context(janus_process(folder, rooms=range(1, rooms + 1)))
        (server,) = await stack.enter_async_context(servers(1, starter_command(keys, *flags)))
        interpreting = await stack.enter_async_context(interpreter(url, server, rooms))
        conversations = [
            await stack.enter_async_context(Conversation(url, Room(room))) for room in range(1, rooms + 1)
        ]
        await asyncio.gather(*(each.check_sound() for each in conversations))
        shares = Shares(server, janus, interpreting)
        talking = asyncio.gather(*(each.talk(60 * minutes, pause_s) for each in conversations))
        if kill:
            await asyncio.sleep(30 * minutes)
            await server.kill()
            await asyncio.sleep(_KILLED_S)
            await server.start()
        await talking
        busy = {} if kill else shares.measure()
        figures = await _last_texts(conversations)
    return {"rooms": rooms, "minutes": minutes, "killed": kill} | summary(figures, lags=not kill) | busy


async def _last_texts(conversations: list[Conversation]) -> Figures:
    """The figures, once all texts have come, or long after the last one should have."""
    ends_s = asyncio.get_running_loop().time() + _LAST_S
    while True:
        await asyncio.sleep(_SETTLE_S)
        figures = Figures()
        for each in conversations:
            each.measure(figures)
        if not figures.lost or asyncio.get_running_loop().time() > ends_s:
            return figures


class Shares:
    """How much of a core each process has been busy since this was made."""

    def __init__(self, server: Server, janus: JanusProcess, interpreting: int) -> None:
        self._pids = {
            "server": server.pid, "janus": janus.pid, "interpreter": interpreting, "people": os.getpid(),
        }  # fmt: skip
        self._before = {name: cpu_s(pid) for name, pid in self._pids.items()}
        self._began_s = asyncio.get_running_loop().time()

    def measure(self) -> dict[str, Any]:
        seconds = asyncio.get_running_loop().time() - self._began_s
        shares = {
            name: round((cpu_s(pid) - self._before[name]) / seconds, 2) for name, pid in self._pids.items()
        }
        return {"cores_busy": shares}


def summary(figures: Figures, *, lags: bool) -> dict[str, Any]:
    """The figures in short."""
    short: dict[str, Any] = {
        "turns": figures.turns,
        "texts_wanted": figures.wanted,
        "texts_lost": figures.lost,
        "texts_as_written": figures.as_written,
    }
    if lags and figures.begin_lags_s:
        begin, end = sorted(figures.begin_lags_s), sorted(figures.end_lags_s)
        mean_s = (statistics.mean(begin) + statistics.mean(end)) / 2
        short |= {
            "heard_too_late": figures.silent,
            "lag_of_first_sound_s": _median_and_p90(begin),
            "lag_of_last_sound_s": _median_and_p90(end),
            "lag_mean_s": round(mean_s, 2),
            "met": mean_s <= MAX_LAG_S and not figures.lost,
        }
    return short


def _median_and_p90(ordered: list[float]) -> list[float]:
    return [round(statistics.median(ordered), 2), round(ordered[len(ordered) * 9 // 10], 2)]


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One run for each number of rooms."""
    report: dict[str, Any] = {"cores": os.cpu_count(), "runs": []}
    for rooms in arguments.rooms:
        with tempfile.TemporaryDirectory() as folder:
            load = round(os.getloadavg()[0], 1)
            run = await meet(rooms, arguments.minutes, arguments.pause_s, Path(folder), kill=arguments.kill)
        run["load_average"] = [load, round(os.getloadavg()[0], 1)]
        print(json.dumps(run), flush=True)
        report["runs"].append(run)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rooms", type=int, nargs="+", default=[1], help="rooms at a time, a run each")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--pause-s", type=float, default=3.0, help="between one person's turn and the next")
    parser.add_argument("--kill", action="store_true", help="kill the translation server halfway")
    parser.add_argument("--report", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    report = asyncio.run(measure(arguments))
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
