"""``make resume``: kills and drains servers under live calls. Writes benchmarks/results/resume.json.

Two real servers with the starter checkpoint are killed (SIGKILL) in turns until 200 live calls were hit. Each
call is compared with the same call on a server that lives. Exits with 1 if anything is lost, doubled or
different, or if a call is without a server for 2 s (95th percentile).

Then two servers are drained in turns, six times, under 20 streams of a client that takes no notice of
``go_away``. Exits with 1 if a word is lost, doubled or different.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.resume.drains import run_drains
from benchmarks.resume.kills import run_kills

_RESULTS = Path(__file__).parents[1] / "results" / "resume.json"
_MAX_RECOVERY_P95_MS = 2_000.0


def main() -> int:
    result, notes = asyncio.run(run_kills(points=200, calls=10, log=True))
    drained, differences = asyncio.run(run_drains(streams=20, drains=6, seconds=130))
    results = json.loads(_RESULTS.read_text()) | {"kills": asdict(result), "drains": asdict(drained)}
    text = json.dumps(results, indent=1)
    print(text, *notes, *differences, sep="\n", flush=True)
    _RESULTS.write_text(text + "\n")
    if result.faults or result.samples_lost or result.different or drained.different or drained.changed:
        return 1
    return int(result.recovery_p95_ms > _MAX_RECOVERY_P95_MS)


if __name__ == "__main__":
    sys.exit(main())
