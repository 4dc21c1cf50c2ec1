"""``make soak``: all scenarios at full length, about eighteen minutes. Writes benchmarks/results/soak.json.

``python -m benchmarks.soak paced`` runs the named scenarios and writes nothing; ``hour`` is ``mixed`` for an
hour. Exits with 1 if a limit is broken.
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

from benchmarks.soak.churn import run_churn
from benchmarks.soak.idle import run_idle
from benchmarks.soak.mixed import run_mixed
from benchmarks.soak.paced import run_paced

_RESULTS = Path(__file__).parents[1] / "results" / "soak.json"
_SCENARIOS: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
    "paced": lambda: run_paced(streams=200, seconds=240),
    "idle": lambda: run_idle(streams=2_000),
    "churn": lambda: run_churn(streams=20_000, warm_up=2_000),
    "mixed": lambda: run_mixed(seconds=600, kill_every_s=100),
    "hour": lambda: run_mixed(seconds=3_600, kill_every_s=300),
}
_BY_NAME_ALONE = {"hour"}
_LIMITS = {
    ("paced", "handling_p99_ms"): 50.0,
    ("idle", "kilobytes_each"): 100.0,
    ("churn", "grown_bytes_each"): 200.0,
    ("churn", "grown_descriptors"): 0,
    ("churn", "grown_threads"): 0,
    ("churn", "grown_tasks"): 0,
    **{
        (name, measured): limit
        for name in ("mixed", "hour")
        for measured, limit in {
            "failures": 0,
            "different": 0,
            "grown_mib": 32.0,
            "grown_descriptors": 8,
            "grown_threads": 0,
            "put_out_max_s": 10.0,
        }.items()
    },
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(_SCENARIOS)}")
    chosen = parser.parse_args().scenarios
    if unknown := set(chosen) - set(_SCENARIOS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    results: dict[str, Any] = {}
    for name in chosen or [each for each in _SCENARIOS if each not in _BY_NAME_ALONE]:
        results[name] = asdict(asyncio.run(_SCENARIOS[name]()))
        print(name, json.dumps(results[name], indent=1), flush=True)
    if not chosen:
        _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return _report_broken(results)


def _report_broken(results: dict[str, Any]) -> int:
    broken = [key for key, limit in _LIMITS.items() if key[0] in results and results[key[0]][key[1]] > limit]
    for scenario, number in broken:
        print(f"{scenario}.{number} is above {_LIMITS[scenario, number]}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
