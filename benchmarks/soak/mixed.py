"""All kinds of callers at two servers, one of which is killed again and again; the other stays as it was."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.newcomers import speech
from benchmarks.resume.servers import Server, free_ports, servers, starter_command
from benchmarks.soak.callers import Places, file, openai_session, simultaneous_stream, stream, webrtc_call
from benchmarks.soak.changing_keys import Guests, KeyFile
from translate_svc.access.resume_tokens import new_resume_key

_STREAM_S = 20.0
_SAMPLE_S = 2.0
_DOWN_S = 3.0
_WHOLE = 3
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MixedResult:
    """``failed``: by kind of caller; of guests, whose keys come and go, also what should have been refused.
    ``different``: streams by utterance with another text than the same stream had before the first kill.
    ``grown_...``: of the server that lives, from the second quarter of the run to its last, by medians.
    ``new_threads``: how many it has more at the end than at the end of the second quarter, by their names.
    ``first_text_p95_ms``: after the end of an utterance, in those two quarters. ``..._max_s``: of ``Guests``.
    """

    seconds: float
    kills: int
    streams: dict[str, int]
    failed: dict[str, int]
    failures: int
    different: int
    grown_mib: float
    grown_descriptors: float
    grown_threads: float
    new_threads: dict[str, int]
    first_text_p95_ms: tuple[float, float]
    let_in_max_s: float
    put_out_max_s: float


@dataclass(slots=True)
class _Seen:
    """``first_texts``: when, and after how many ms. ``states``: when, MiB, descriptors and threads.
    ``threads``: when, and how many by name.
    """

    streams: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    different: int = 0
    first_texts: list[tuple[float, float]] = field(default_factory=list)
    states: list[tuple[float, float, float, float]] = field(default_factory=list)
    threads: list[tuple[float, Counter[str]]] = field(default_factory=list)


async def run_mixed(seconds: float, kill_every_s: float) -> MixedResult:
    """Real servers with the starter checkpoint and API keys: streams by utterance and simultaneously, which
    are resumed at the other server, sessions of OpenAI's protocol over a WebSocket and over WebRTC, files,
    and guests whose keys are withdrawn while they speak.
    """
    seen = _Seen()
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        resume_keys, keys = Path(folder) / "resume-keys", KeyFile(Path(folder) / "keys")
        resume_keys.write_text(new_resume_key() + "\n")
        callers = {name: keys.add(name) for name in ("whole", "simultaneous", "openai", "webrtc", "file")}
        command = starter_command(resume_keys, "--api-keys", str(keys.path))
        async with (
            servers(1, (*command, "--http", f"127.0.0.1:{port}")) as (lasting,),
            servers(1, command) as (mortal,),
        ):
            places = Places([mortal.address, lasting.address], f"http://127.0.0.1:{port}")
            guests = Guests(keys, lasting.address, places.http)
            calls = await _calls(places, callers, guests, seen)
            began_s = time.monotonic()
            running = [asyncio.create_task(_again(kind, call, seen)) for kind, call in calls]
            running.append(asyncio.create_task(_watch(lasting.pid, seen)))
            kills = await _kill_again_and_again(mortal, seconds, kill_every_s)
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    return _result(seen, guests, began_s, seconds, kills)


async def _calls(
    places: Places, keys: dict[str, str], guests: Guests, seen: _Seen
) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
    """Who calls again and again, and how. Hears first what an undisturbed stream says."""
    said = speech(_STREAM_S)
    wanted = await stream(places.addresses, keys["whole"], said)

    async def whole() -> None:
        text = await stream(places.addresses, keys["whole"], said, first_texts=seen.first_texts)
        seen.different += text != wanted

    async def spoken_over_openai() -> None:
        await openai_session(places, keys["openai"], said)

    return [
        *[("whole", whole)] * _WHOLE,
        ("simultaneous", lambda: simultaneous_stream(places, keys["simultaneous"], said)),
        ("openai", spoken_over_openai),
        ("webrtc", lambda: webrtc_call(places, keys["webrtc"], said)),
        ("file", lambda: file(places, keys["file"], said)),
        ("guest", guests.one),
    ]


async def _kill_again_and_again(server: Server, seconds: float, every_s: float) -> int:
    kills, end_s = 0, time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        await asyncio.sleep(min(every_s, left_s))
        if time.monotonic() + every_s / 2 < end_s:
            await server.kill()
            await asyncio.sleep(_DOWN_S)
            await server.start()
            kills += 1
    return kills


async def _again(kind: str, call: Callable[[], Awaitable[None]], seen: _Seen) -> None:
    """One call after another, for ever."""
    await asyncio.sleep(random.uniform(0, _STREAM_S / 4))
    while True:
        try:
            await call()
            seen.streams[kind] += 1
        except Exception as error:
            print(f"{kind}: {error!r}", file=sys.stderr, flush=True)
            seen.failed[kind] += 1
            await asyncio.sleep(1.0)


async def _watch(pid: int, seen: _Seen) -> None:
    process = Path(f"/proc/{pid}")
    while True:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends meanwhile
            status = dict(
                line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
            )
            mib = int(status["VmRSS"].split()[0]) * 1024 / _MIB
            descriptors = len(list((process / "fd").iterdir()))
            names = _threads(process)
            seen.states.append((time.monotonic(), mib, descriptors, names.total()))
            seen.threads.append((time.monotonic(), names))
        await asyncio.sleep(_SAMPLE_S)


def _threads(process: Path) -> Counter[str]:
    """Those of a process, by the names that the system knows them by."""
    return Counter(path.read_text().strip() for path in process.glob("task/*/comm"))


def _result(seen: _Seen, guests: Guests, began_s: float, seconds: float, kills: int) -> MixedResult:
    def quarter(at_s: float) -> int:
        return int(4 * (at_s - began_s) / seconds)

    def grown(column: int) -> float:
        second, last = ([row[column] for row in seen.states if quarter(row[0]) == place] for place in (1, 3))
        return round(median(last) - median(second), 1)

    def new_threads() -> dict[str, int]:
        before = [names for at_s, names in seen.threads if quarter(at_s) == 1][-1]
        return dict(seen.threads[-1][1] - before)

    def p95(place: int) -> float:
        times = [ms for at_s, ms in seen.first_texts if quarter(at_s) == place]
        return round(float(np.percentile(times, 95)), 1)

    return MixedResult(
        seconds,
        kills,
        dict(seen.streams),
        dict(seen.failed),
        seen.failed.total(),
        seen.different,
        grown(1),
        grown(2),
        grown(3),
        new_threads(),
        (p95(1), p95(3)),
        round(max(guests.let_in_s, default=0.0), 2),
        round(max(guests.put_out_s, default=0.0), 2),
    )
