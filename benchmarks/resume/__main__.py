"""``make resume``: kills and replaces servers under live calls. Writes benchmarks/results/resume.json.

``kills``: two real servers with the starter checkpoint are killed (SIGKILL) in turns until 200 live calls
were hit. ``rolling``: three servers whose engine follows a script are replaced one after the other (SIGTERM)
under 60 live calls. Each call is compared with the same call on a server that lives.

Exits with 1 if anything is lost, doubled or different, or if a call is without a server for 2 s (95th
percentile).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.resume.comparison import ResumeResult
from benchmarks.resume.kills import run_kills
from benchmarks.resume.rolling import run_rolling

_RESULTS = Path(__file__).parents[1] / "results" / "resume.json"
_SCENARIOS: dict[str, Callable[[], Coroutine[Any, Any, tuple[ResumeResult, list[str]]]]] = {
    "kills": lambda: run_kills(points=200, calls=10, log=True),
    "rolling": lambda: run_rolling(streams=60, seconds=90),
}
_MAX_RECOVERY_P95_MS = 2_000.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(_SCENARIOS)}")
    chosen = parser.parse_args().scenarios
    if unknown := set(chosen) - set(_SCENARIOS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    results: dict[str, Any] = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    passed = True
    for name in chosen or _SCENARIOS:
        result, notes = asyncio.run(_SCENARIOS[name]())
        results[name] = asdict(result)
        print(name, json.dumps(results[name], indent=1), *notes, sep="\n", flush=True)
        passed &= not (result.faults or result.samples_lost or result.different)
        passed &= result.recovery_p95_ms <= _MAX_RECOVERY_P95_MS
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
