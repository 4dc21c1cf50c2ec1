"""Many callers at a server, in several processes, which do not share one lock of Python; and the sum."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.first.caller import Answers, Job, Script

_ROOT = Path(__file__).parents[3]
_IMPORT_S = 2.0
"""Until the callers' processes have imported what they need."""
_STAGGER_S = 2.0
_MOST_S = 45.0
"""Until callers who wait for the last answer have given up."""

Texts = dict[Script, dict[str, dict[str, str]]]
"""What a caller was told who was alone, by script."""


def alone(target: str, scripts: Iterable[Script], seconds: float) -> list[Answers]:
    """The answers to one caller after the other, as fast as they are heard."""
    return _answers([Job(target, tuple(scripts), in_real_time=False)], seconds)


def texts_alone(target: str, scripts: Sequence[Script], seconds: float) -> Texts:
    """The texts of each script, in a server that has nothing else to do."""
    known = alone(target, scripts, seconds)
    return {script: each.texts for script, each in zip(scripts, known, strict=True)}


def together(
    target: str, scripts: Sequence[Script], count: int, processes: int, known: Texts
) -> dict[str, Any]:
    """Figures of ``count`` callers in real time, who take turns with the scripts and begin within 2 s."""
    start_s = time.monotonic() + _IMPORT_S
    chosen = [scripts[index % len(scripts)] for index in range(count)]
    delays_s = [_STAGGER_S * ((index * 0.618) % 1) for index in range(count)]  # evenly, whatever the script
    # a block each: with every sixth caller a process would have some of the scripts only
    parts = np.array_split(np.arange(count), min(processes, count))
    jobs = [
        Job(
            target,
            tuple(chosen[index] for index in part),
            in_real_time=True,
            start_s=start_s,
            delays_s=tuple(delays_s[index] for index in part),
        )
        for part in parts
    ]
    answers = _answers(jobs, _MOST_S)
    expected = [known.get(script, {}) for script in chosen]
    return _figures(answers, expected)


def _answers(jobs: Sequence[Job], seconds: float) -> list[Answers]:
    command = [sys.executable, "-m", "benchmarks.gpu.first.caller"]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT, text=True)
        for _ in jobs
    ]
    until_s = time.monotonic() + seconds
    try:
        for process, job in zip(running, jobs, strict=True):
            assert process.stdin is not None
            json.dump(asdict(job), process.stdin)
            process.stdin.close()
            process.stdin = None
        said = [process.communicate(timeout=max(1.0, until_s - time.monotonic()))[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    return [Answers(**each) for part in said for each in json.loads(part)]


def _figures(answers: Sequence[Answers], expected: Sequence[dict[str, dict[str, str]]]) -> dict[str, Any]:
    opened = [(each, alone) for each, alone in zip(answers, expected, strict=True) if each.opened]
    texts = [
        (each.texts.get(language, {}).get(number), text)
        for each, alone in opened
        for language, by_number in alone.items()
        for number, text in by_number.items()
    ]
    return {
        "streams": len(answers),
        "opened": len(opened),
        "refused": sum(each.refused for each in answers),
        "complete": sum(each.complete for each, _ in opened),
        "errors": Counter(each.error for each in answers if each.error).most_common(3),
        "utterances": sum(each.utterances for each, _ in opened),
        "texts as alone": sum(text == wanted for text, wanted in texts),
        "texts": len(texts),
        "seconds of speech made": round(sum(each.sound_s for each, _ in opened), 1),
        **_percentiles("first text", [ms for each, _ in opened for ms in each.first_text_ms]),
        **_percentiles("first sound", [ms for each, _ in opened for ms in each.first_sound_ms]),
        **_percentiles("first text as told", [ms for each, _ in opened for ms in each.told_text_ms]),
        **_percentiles("first sound as told", [ms for each, _ in opened for ms in each.told_sound_ms]),
        **_percentiles("callers late", [each.late_ms for each, _ in opened]),
        "warnings": Counter(code for each, _ in opened for code in each.warnings),
    }


def _percentiles(name: str, values_ms: Sequence[float]) -> dict[str, float]:
    if not values_ms:
        return {}
    return {f"{name}, p{each}, ms": round(float(np.percentile(values_ms, each)), 1) for each in (50, 95)}
