"""``make command``: what a person waits for. Writes benchmarks/results/command.json.

* From the wheel to the first translation: ``pip install`` of the wheel into a fresh environment that has the
  libraries already, then ``translate`` of a clip.
* From the start of ``serve`` to its "ready", the median of several starts.
* A film of 12 minutes on two cores with ``translate``: text alone, and with a dub in a copy of the film.
  Times real time, and the memory of the process over the run.

Each is a process of its own, as a user starts it. The bars are for an idle machine: the wall clock also
counts what others take. So the load of the machine stands beside each figure, and ``waited_s``: how long one
of its threads was ready to run without a processor, at most, by the kernel's count.

Exits with 1 if a figure misses its bar.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from release.client_range import build_wheel
from tests.clips import DATA
from tests.media import write_media
from translate_svc.audio.files import read_audio
from translate_svc.cli.commands.serve import READY_PREFIX

_ROOT = Path(__file__).parents[1]
_RESULTS = Path(__file__).parent / "results" / "command.json"
_CORES = 2
_PAUSE_S = 0.8
_WATCH_S = 0.05
_MAX_FIRST_S, _MAX_READY_S = 10.0, 2.5
_MIN_TEXT, _MIN_SPEECH = 11.0, 4.0
_MAX_GROWTH = 1.1
"""Highest memory of the second half over that of the first half, without the first tenth: the model loads."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process from its start to its end, or to its line "ready".

    Attributes:
        wall_s: by the wall clock.
        waited_s: of these, how long one of its threads was ready to run and had no processor, at most.
        cpu_s: what the processors spent on it; 0 for a server, which does not end.
        load_average: of the machine, in the last minute.
    """

    wall_s: float
    waited_s: float
    cpu_s: float
    load_average: float


@dataclass(frozen=True, slots=True)
class FilmResult:
    """One run of ``translate`` over the film. Memory is the highest, resident, in MB."""

    run: Run
    times_real_time: float
    memory_first_half_mb: float
    memory_second_half_mb: float

    @classmethod
    def of(cls, run: Run, memory_mb: Sequence[float], film_s: float) -> FilmResult:
        """The result of one run. The first tenth of the memory is left out: the model loads."""
        tenth, half = len(memory_mb) // 10, len(memory_mb) // 2
        first, second = max(memory_mb[tenth:half]), max(memory_mb[half:])
        return cls(run, round(film_s / run.wall_s, 2), round(first, 1), round(second, 1))


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Everything that is measured."""

    install: Run
    first_translation: Run
    ready: Run
    film_s: float
    text: FilmResult
    speech: FilmResult
    cores: int


def environment() -> dict[str, str]:
    """That of a user: no settings, and the threads that PyTorch takes by itself."""
    left_out = ("PYTHONPATH", "PIP_CONSTRAINT", "OMP_NUM_THREADS")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in left_out and not name.startswith("TRANSLATE_SVC_")
    }


def watched(
    command: Sequence[str | Path],
    cwd: Path,
    variables: dict[str, str],
    *,
    until: str = "",
    memory_mb: list[float] | None = None,
) -> Run:
    """Runs a command on two cores to its end, or until a line of its output begins with ``until``.

    ``memory_mb`` gets its resident memory, twenty times a second.

    Raises:
        SystemExit: it failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        env=variables,
        text=True,
    )
    os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[:_CORES])
    memory = [] if memory_mb is None else memory_mb
    waits: dict[str, int] = {}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, memory, waits, over))
    watcher.start()
    assert process.stdout is not None
    for line in process.stdout:
        if until and line.startswith(until):
            break
    taken = time.monotonic() - began
    over.set()
    watcher.join()
    if until:
        process.terminate()
    process.communicate()
    if process.returncode and not until:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    return Run(
        wall_s=round(taken, 2),
        waited_s=round(max(waits.values(), default=0) / 1e9, 2),
        cpu_s=0.0 if until else round(cpu_s, 2),
        load_average=round(os.getloadavg()[0], 2),
    )


def _watch(pid: int, memory: list[float], waits: dict[str, int], over: threading.Event) -> None:
    """Until ``over``: adds the resident memory in MB, and keeps how long each thread has waited, in ns."""
    page_mb = resource.getpagesize() / 1e6
    while True:
        with contextlib.suppress(OSError, ValueError, IndexError):
            memory.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page_mb)
            for task in Path(f"/proc/{pid}/task").iterdir():
                waits[task.name] = int((task / "schedstat").read_text().split()[1])
        if over.wait(_WATCH_S):
            return


def first_translation(folder: Path) -> tuple[Run, Run]:
    """``pip install`` of the wheel, and the first ``translate`` after it."""
    wheel = build_wheel(folder)
    fresh = folder / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(fresh)], check=True)
    (site_packages,) = fresh.glob("lib/python*/site-packages")
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "libs")]
    (site_packages / "libraries.pth").write_text("\n".join(libraries))
    variables = environment() | {"XDG_CACHE_HOME": str(folder / "cache")}
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        fresh / "bin" / "python",
    ]
    install = watched([*pip, "install", "--no-deps", "--ignore-installed", wheel], folder, variables)
    command: list[str | Path] = [
        fresh / "bin" / "translate-svc",
        "translate",
        DATA / "demo_eng.flac",
        "--from",
        "en",
        "--to",
        "es",
    ]
    return install, watched(command, folder, variables)


def ready(starts: int) -> Run:
    """From the start of a server to its line "ready": the median of ``starts``."""
    serve = [sys.executable, "-m", "translate_svc", "serve", "--port", "0", "--no-admin"]
    runs = [watched(serve, _ROOT, environment(), until=READY_PREFIX) for _ in range(starts)]
    return sorted(runs, key=lambda run: run.wall_s)[starts // 2]


def film(folder: Path, seconds: float) -> Path:
    """A film in which the clips are spoken one after another, with pauses between them."""
    pieces = []
    written_s = 0.0
    while written_s < seconds:
        for name in ("eng_1", "eng_2", "eng_3", "demo_eng", "eng_two", "eng_three"):
            samples, rate_hz = read_audio(DATA / f"{name}.flac")
            pieces += [samples, np.zeros(round(_PAUSE_S * rate_hz), np.float32)]
            written_s += len(samples) / rate_hz + _PAUSE_S
    sound = np.concatenate(pieces)[: round(seconds * rate_hz)]
    return write_media(folder / "film.mp4", sound, rate_hz, codec="aac", codec_rate_hz=44_100, picture=True)


def translate(path: Path, film_s: float, flags: Sequence[str]) -> FilmResult:
    """Runs ``translate`` on the film."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "translate_svc",
        "translate",
        path,
        "--from",
        "en",
        "--to",
        "es",
        *flags,
    ]
    memory_mb: list[float] = []
    variables = environment() | {"PYTHONPATH": str(_ROOT)}
    return FilmResult.of(watched(command, path.parent, variables, memory_mb=memory_mb), memory_mb, film_s)


def missed(result: CommandResult) -> list[str]:
    """The bars that ``result`` misses, one line each."""
    first_s = result.install.wall_s + result.first_translation.wall_s
    bars = {
        f"install to first translation: {first_s:.1f} s, at most {_MAX_FIRST_S}": first_s <= _MAX_FIRST_S,
        f"start to ready: {result.ready.wall_s:.2f} s, at most {_MAX_READY_S}": (
            result.ready.wall_s <= _MAX_READY_S
        ),
        f"text: {result.text.times_real_time} x real time, at least {_MIN_TEXT}": (
            result.text.times_real_time >= _MIN_TEXT
        ),
        f"speech: {result.speech.times_real_time} x real time, at least {_MIN_SPEECH}": (
            result.speech.times_real_time >= _MIN_SPEECH
        ),
    }
    for name, run in (("text", result.text), ("speech", result.speech)):
        growth = run.memory_second_half_mb / run.memory_first_half_mb
        bars[f"memory with {name} grows {growth:.2f} times, at most {_MAX_GROWTH}"] = growth <= _MAX_GROWTH
    return [line for line, holds in bars.items() if not holds]


def measure(seconds: float, starts: int) -> CommandResult:
    """Measures everything, one after another."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        install, first = first_translation(folder)
        started = ready(starts)
        path = film(folder, seconds)
        text = translate(path, seconds, ["--text", "--subtitles", "film.srt"])
        speech = translate(path, seconds, ["-o", "film.es.mp4"])
        assert (folder / "film.es.mp4").stat().st_size > path.stat().st_size
    return CommandResult(install, first, started, seconds, text, speech, _CORES)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--film-s", type=float, default=720.0)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--output", type=Path, default=_RESULTS)
    arguments = parser.parse_args()
    result = measure(arguments.film_s, arguments.starts)
    arguments.output.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    print(arguments.output.read_text("utf-8"), end="")
    problems = missed(result)
    print("\n".join(problems), file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
