"""``make simultaneous``: speech without pauses is translated while it is spoken, and compared with the bars.

Writes benchmarks/results/simultaneous.json and the tables and the picture of docs/simultaneous.md and of
the pages in docs/simultaneous/. Exits with 1 where a bar is missed. Anything less than the whole
measurement writes only where ``--output`` says, or with ``--merge`` in place of the same rows of an earlier
one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.quality.__main__ import show
from benchmarks.quality.clip import Clip
from benchmarks.quality.report import ROOT
from benchmarks.simultaneous.bars import bars
from benchmarks.simultaneous.capacity import measure_capacity, measure_paced
from benchmarks.simultaneous.curves import draw
from benchmarks.simultaneous.figures import Figures, load, merged, save, total
from benchmarks.simultaneous.listen import SIMULTANEOUS, UTTERANCE, Mode
from benchmarks.simultaneous.measure import Task, measure_speech, measure_text, run
from benchmarks.simultaneous.monologues import VARIANTS, Monologue, monologues, shipped_clips
from benchmarks.simultaneous.report import RESULTS, blocks, write_pages
from training.starter.grammar import LANGUAGES
from translate_svc.types import VadSettings

PARTS = ("text", "curve", "speech", "paced", "capacity")
CURVE = (
    *(
        Mode(f"utterance, at most {each / 1000:g} s", VadSettings(max_utterance_ms=each))
        for each in (2500, 5000)
    ),
    *(
        Mode(f"simultaneous, patience {each}", simultaneous={"patience_frames": each})
        for each in (2, 4, 6, 8)
    ),
    Mode("simultaneous, every 1 s", simultaneous={"step_ms": 1000}),
)

_DIRECTIONS = tuple(f"{a}-{b}" for a in LANGUAGES for b in LANGUAGES if a != b)
_MINUTES, _SPEECH_MINUTES, _STREAMS_AT_ONCE = 2, 10.0, 2
_EXIT_MISSED = 1


@dataclass(frozen=True, slots=True)
class Job:
    """``measure`` is pickled. One that measures time in real time wants the machine to itself."""

    name: str
    measure: Callable[[], Figures]
    alone: bool = False


def jobs(arguments: argparse.Namespace) -> Iterator[Job]:
    """Those that take longest first."""
    modes = [UTTERANCE, SIMULTANEOUS]
    curve = list(CURVE)
    groups: dict[str, list[str]] = {}
    for direction in arguments.directions:
        source, _, target = direction.partition("-")
        groups.setdefault(source, []).append(target)
    clips = {source: _clips(source, arguments.sentences) for source in groups}
    for source, targets in groups.items():
        task = partial(Task, arguments.model, clips[source])
        if "speech" in arguments.parts:
            long = task(_next(source, targets), modes, VARIANTS[0], 1, arguments.speech_minutes * 60)
            yield Job(f"speech {source}", partial(run, partial(measure_speech, long)))
        for variant in VARIANTS if "text" in arguments.parts else ():
            count = arguments.minutes if variant is VARIANTS[0] else 1
            some = task(targets, modes, variant, count)
            yield Job(f"{variant.name} {source}", partial(run, partial(measure_text, some)))
        if "curve" in arguments.parts:
            some = task(_next(source, targets), curve, VARIANTS[0], arguments.minutes, offline=False)
            yield Job(f"curve {source}", partial(run, partial(measure_text, some)))
    spoken = [
        (monologue, target)
        for source, targets in groups.items()
        for target in _next(source, targets)
        for monologue in monologues(clips[source], VARIANTS[0], 1)
    ]
    yield from _real_time_jobs(arguments, spoken, modes)


def _real_time_jobs(
    arguments: argparse.Namespace, spoken: Sequence[tuple[Monologue, str]], modes: Sequence[Mode]
) -> Iterator[Job]:
    if "paced" in arguments.parts:
        measure = partial(measure_paced, arguments.model, spoken, modes, _STREAMS_AT_ONCE)
        yield Job("real time", measure, alone=True)
    for mode in modes if "capacity" in arguments.parts else ():
        measure = partial(measure_capacity, arguments.model, spoken, mode)
        yield Job(f"one core, {mode.name}", measure, alone=True)


def _clips(source: str, count: int) -> list[Clip]:
    """The shipped ones; more are synthesized anew, of which the shipped ones are the first."""
    shipped = shipped_clips(source)
    if count <= len(shipped):
        return shipped[:count]
    from benchmarks.quality.sets import spoken_clips

    return spoken_clips("one", next(each for each in LANGUAGES if each == source), count)


def _next(source: str, targets: Sequence[str]) -> list[str]:
    """One of the targets, so that over all sources each language is a target once."""
    following = LANGUAGES[([str(each) for each in LANGUAGES].index(source) + 1) % len(LANGUAGES)]
    return [following] if following in targets else list(targets[:1])


def measure(todo: Sequence[Job], workers: int, console: Console) -> Figures:
    """All jobs, each in a process of its own; those that want the machine to themselves come last."""
    done: dict[str, Figures] = {}
    started_s = time.monotonic()
    spawn = multiprocessing.get_context("spawn")
    for alone in (False, True):
        some = [job for job in todo if job.alone is alone]
        with ProcessPoolExecutor(1 if alone else workers, mp_context=spawn, max_tasks_per_child=1) as pool:
            names = {pool.submit(job.measure): job.name for job in some}
            for future in as_completed(names):
                done[names[future]] = future.result()
                seconds = time.monotonic() - started_s
                console.print(f"{seconds:5.0f} s  {len(done)}/{len(todo)}  {names[future]}", style="dim")
    return total(done[job.name] for job in todo)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=ROOT / "model_cache" / "starter")
    parser.add_argument(
        "--directions", type=_list_of(_DIRECTIONS), default=_DIRECTIONS, help="eng-spa,deu-eng"
    )
    parser.add_argument("--parts", type=_list_of(PARTS), default=PARTS, help=",".join(PARTS))
    parser.add_argument("--minutes", type=int, default=_MINUTES, help="monologues of a minute a direction")
    parser.add_argument("--speech-minutes", type=float, default=_SPEECH_MINUTES)
    parser.add_argument("--sentences", type=int, default=16, help="a language; more than 16 are synthesized")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--output", type=Path, help="where to write figures, and a picture beside them")
    parser.add_argument(
        "--merge", action="store_true", help="put the figures in place of the kept ones, and write the page"
    )
    arguments = parser.parse_args()
    console = Console(highlight=False)
    kept = load(RESULTS) if arguments.merge else Figures()  # before an hour of measuring
    figures = merged(kept, measure(list(jobs(arguments)), arguments.workers, console))
    whole = (arguments.directions, arguments.parts) == (_DIRECTIONS, PARTS)
    if arguments.output:
        save(figures, arguments.output)
        draw(figures, arguments.output.with_suffix(".png"))
    elif whole or arguments.merge:
        save(figures, RESULTS)
        figures = load(RESULTS)  # as rounded there, so that both say the same
        write_pages(figures)
    for name, block in blocks(figures).items():
        console.print(f"\n{name}\n{block}", markup=False, soft_wrap=True)
    rows = bars(figures)
    show(rows, console)
    sys.exit(0 if all(bar.is_met for bar in rows) else _EXIT_MISSED)


def _list_of(names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(value: str) -> tuple[str, ...]:
        chosen = tuple(value.split(","))
        for each in chosen:
            if each not in names:
                raise argparse.ArgumentTypeError(f"{each} is none of {', '.join(names)}")
        return chosen

    return parse


if __name__ == "__main__":
    main()
