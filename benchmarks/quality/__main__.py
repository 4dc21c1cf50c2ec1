"""``make quality``: translate the held-out sets through the service, compare with the bars.

Writes benchmarks/results/quality.json and the tables of docs/quality.md and of the model card; exits with 1
if a bar is missed. ``--quick`` measures a tenth of it in two minutes and writes nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.quality import jobs
from benchmarks.quality.bars import Bar, bars
from benchmarks.quality.clip import save_clips
from benchmarks.quality.figures import Figures, load, save, total
from benchmarks.quality.measures.size import measure_size
from benchmarks.quality.measures.vocoder import measure_vocoder
from benchmarks.quality.report import RESULTS, ROOT, write_pages
from benchmarks.quality.sets import SPEECHLESS_KINDS, speechless_clips, spoken_clips
from training.starter.grammar import LANGUAGES
from training.starter.synthesis.synth import is_available, missing_synthesizers

_SUBSET_FOLDER = ROOT / "tests" / "data" / "quality"
_EXIT_MISSED, _EXIT_UNABLE = 1, 2


def measure(model: Path, count: int, workers: int, console: Console) -> Figures:
    """All figures. Parts run in ``workers`` processes; each is printed when it is done."""
    todo = jobs.jobs(model, count)
    done: dict[str, Figures] = {}
    started_s = time.monotonic()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        names = {pool.submit(jobs.run, job, model): job.name for job in todo}
        for future in as_completed(names):
            done[names[future]] = future.result()
            seconds = time.monotonic() - started_s
            console.print(f"{seconds:5.0f} s  {len(done)}/{len(todo)}  {names[future]}", style="dim")
    return total(done[job.name] for job in todo) + measure_size(model) + measure_vocoder(model)


def show(rows: list[Bar], console: Console) -> None:
    table = Table("what", "bar", "measured", "met")
    for bar in rows:
        sign = "<=" if bar.at_most else ">="
        value = "not measured" if bar.value is None else f"{bar.value:.1f}"
        style = "green" if bar.is_met else "bold red"
        met = "yes" if bar.is_met else "no"
        table.add_row(bar.name, f"{sign} {bar.bar:g} {bar.unit}", value, met, style=style)
    console.print(table)


def write_subset() -> None:
    """The small subset that the tests run on, kept in tests/data/quality."""
    _SUBSET_FOLDER.mkdir(parents=True, exist_ok=True)
    for name, count in (("one", 16), ("several", 6)):
        clips = [clip for language in LANGUAGES for clip in spoken_clips(name, language, count)]
        save_clips(clips, _SUBSET_FOLDER, name)
    speechless = [clip for kind in SPEECHLESS_KINDS for clip in speechless_clips(kind, 16)]
    save_clips(speechless, _SUBSET_FOLDER, "speechless")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=ROOT / "model_cache" / "starter")
    parser.add_argument("--quick", action="store_true", help=f"{jobs.QUICK_COUNT} clips, write nothing")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--subset", action="store_true", help="write tests/data/quality and stop")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    absent = ("espeak-ng",) * (not is_available()) + missing_synthesizers()
    if absent:
        console.print(f"These synthesizers are missing: {', '.join(absent)}. See README.md.", style="red")
        sys.exit(_EXIT_UNABLE)
    if arguments.subset:
        write_subset()
        return
    count = jobs.QUICK_COUNT if arguments.quick else jobs.FULL_COUNT
    figures = measure(arguments.model, count, arguments.workers, console)
    if not arguments.quick:
        save(figures, RESULTS)
        write_pages(load(RESULTS))  # as rounded there, so that both say the same
    rows = bars(figures)
    show(rows, console)
    sys.exit(0 if all(bar.is_met for bar in rows) else _EXIT_MISSED)


if __name__ == "__main__":
    main()
