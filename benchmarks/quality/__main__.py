"""``make quality``: translate the held-out sets through the service, compare with the bars.

Writes benchmarks/results/quality.json and the tables of docs/quality.md, of docs/quality/ and of the model
card; exits with 1 if a bar is missed. ``--quick`` measures a tenth of it in two minutes and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import soundfile
from rich.console import Console
from rich.table import Table

from benchmarks.quality import jobs
from benchmarks.quality.bars import Bar, bars
from benchmarks.quality.clip import Clip, save_clips
from benchmarks.quality.figures import Figures, load, save, total
from benchmarks.quality.measures.size import measure_size
from benchmarks.quality.measures.vocoder import measure_vocoder
from benchmarks.quality.report import RESULTS, ROOT, write_pages
from benchmarks.quality.sets import SPEECHLESS_KINDS, SPOKEN_SETS, free_talk, speechless_clips, spoken_clips
from training.starter.grammar import LANGUAGES
from training.starter.synthesis.synth import SAMPLE_RATE, is_available, missing_synthesizers

_SUBSET_FOLDER = ROOT / "tests" / "data" / "quality"
_EXIT_MISSED, _EXIT_UNABLE = 1, 2

_CALIBRATION_FOLDER = ROOT / "translate_svc" / "data" / "calibration" / "labelled"
_CALIBRATION_COUNTS = {"one": 16, "template": 6, "mixed": 6, "several": 8, "synthesizer": 12}
_CALIBRATION_FREE = 12
_CALIBRATION_FIRST = 1_000_000
_IN_DOMAIN = ("one", "several")
_OPUS_COMPRESSION = 0.96
"""Of 0 to 1: about 16 kbit/s."""


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


def write_calibration_clips() -> None:
    """The labelled clips that ``translate-svc calibrate`` ships: other sentences than those measured here."""
    labelled: list[tuple[Clip, dict[str, str], bool]] = []
    for name, count in _CALIBRATION_COUNTS.items():
        for language in SPOKEN_SETS[name].languages:
            clips = spoken_clips(name, language, count, _CALIBRATION_FIRST)
            labelled += [(clip, dict(clip.texts), name in _IN_DOMAIN) for clip in clips]
    talk = free_talk(_CALIBRATION_FREE, _CALIBRATION_FIRST)
    labelled += [(clip, {clip.language: said}, False) for said, clip in talk]
    _CALIBRATION_FOLDER.mkdir(parents=True, exist_ok=True)
    rows, position = [], 0
    with soundfile.SoundFile(
        _CALIBRATION_FOLDER / "clips.ogg",
        "w",
        SAMPLE_RATE,
        1,
        format="OGG",
        subtype="OPUS",
        compression_level=_OPUS_COMPRESSION,
    ) as out:
        for clip, texts, in_domain in labelled:
            out.write(clip.samples)
            end = position + len(clip.samples)
            rows.append(
                {
                    "file": "clips.ogg",
                    "start_sample": position,
                    "end_sample": end,
                    "language": clip.language,
                    "texts": texts,
                    "in_domain": in_domain,
                }
            )
            position = end
    text = json.dumps(rows, ensure_ascii=False, indent=0)
    (_CALIBRATION_FOLDER / "clips.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=ROOT / "model_cache" / "starter")
    parser.add_argument("--quick", action="store_true", help=f"{jobs.QUICK_COUNT} clips, write nothing")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--subset", action="store_true", help="write tests/data/quality and stop")
    parser.add_argument("--calibration", action="store_true", help="write the labelled clips and stop")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    absent = ("espeak-ng",) * (not is_available()) + missing_synthesizers()
    if absent:
        console.print(f"These synthesizers are missing: {', '.join(absent)}. See README.md.", style="red")
        sys.exit(_EXIT_UNABLE)
    if arguments.subset:
        write_subset()
        return
    if arguments.calibration:
        write_calibration_clips()
        return
    count = jobs.QUICK_COUNT if arguments.quick else jobs.FULL_COUNT
    figures = measure(arguments.model, count, arguments.workers, console)
    if not arguments.quick:
        save(figures, RESULTS)
        figures = load(RESULTS)  # rounded, so that page and terminal say the same
        write_pages(figures)
    rows = bars(figures)
    show(rows, console)
    sys.exit(0 if all(bar.is_met for bar in rows) else _EXIT_MISSED)


if __name__ == "__main__":
    main()
