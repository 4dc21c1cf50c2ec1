"""Fuzzes all targets for some minutes, and says how many inputs were run: ``python -m fuzz --minutes 10``."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz.targets import NAMES, Target

_WORK = Path("build/fuzz")
_LONGEST_INPUT_S = 20
"""An input that takes longer ends the run. One that takes half as long is a finding, too."""
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def main() -> int:
    """The exit code: 1 with findings."""
    arguments = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    arguments.add_argument("--minutes", type=float, default=10.0, help="in all, shared by the targets")
    arguments.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("targets", nargs="*", default=list(NAMES), metavar="TARGET", help=", ".join(NAMES))
    given = arguments.parse_args()
    seconds = max(1, round(given.minutes * 60 * min(given.workers, len(given.targets)) / len(given.targets)))
    with ThreadPoolExecutor(given.workers) as pool:
        counts = list(pool.map(lambda name: _fuzz(name, seconds), given.targets))
    findings = sorted((_WORK / "findings").glob("*"))
    print(f"{sum(counts):,} inputs in all; findings: {len(findings)}")
    for path in findings:
        print(f"  {path}")
    return 1 if findings or not all(counts) else 0


def _fuzz(name: str, seconds: int) -> int:
    """Runs one target for so long. Returns how many inputs it had; 0 if it could not even begin."""
    corpus, findings = _WORK / "corpus" / name, _WORK / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    target = Target.load(name)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    log = _WORK / f"{name}.log"
    with log.open("w") as output:
        ended = subprocess.run(
            [sys.executable, "-m", "fuzz.run_target", name, f"-max_total_time={seconds}",
             f"-timeout={_LONGEST_INPUT_S}", "-rss_limit_mb=4096", f"-max_len={target.max_bytes}",
             "-print_final_stats=1", f"-artifact_prefix={findings}/{name}-", str(corpus)],
            stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    found = _RUNS.search(log.read_text(errors="replace"))
    count = int(found[1]) if found else 0
    print(f"{name}: {count:,} inputs, exit code {ended.returncode}, log in {log}", flush=True)
    return count


if __name__ == "__main__":
    sys.exit(main())
