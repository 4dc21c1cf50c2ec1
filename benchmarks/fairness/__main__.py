"""``make fairness``: what a caller with many times the load costs others.

Writes benchmarks/results/fairness.json. Exits with 1 if texts are beside a heavy neighbour more than a tenth
later than beside one with a single recording at a time, by the p95 of some kind of bystander, or if a
bystander has lost anything. Exits with 2, and writes nothing, if texts are late without any neighbour: the
machine is busy with something else.

The short form, a minute:

    python -m benchmarks.fairness --rounds 1 --seconds 8 --only "20 openai" --dry
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.fairness.measure import measure
from benchmarks.fairness.neighbours import LOADS, NONE, ONE

_RESULTS = Path(__file__).parents[1] / "results" / "fairness.json"
_HEAVY = tuple(name for name in LOADS if name not in (NONE, ONE))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=6, help="turns with each neighbour")
    parser.add_argument(
        "--only", choices=_HEAVY, action="append", help="this heavy neighbour; may be repeated"
    )
    parser.add_argument("--dry", action="store_true", help="write nothing")
    given = parser.parse_args()
    measured = asyncio.run(measure(given.seconds, given.rounds, given.only or _HEAVY))
    print(json.dumps(asdict(measured), indent=1))
    if measured.too_busy:
        print("the machine is too busy to tell", file=sys.stderr)
        return 2
    if not given.dry:
        _RESULTS.write_text(json.dumps(asdict(measured), indent=1) + "\n")
    for sentence in measured.unfair():
        print(sentence, file=sys.stderr)
    return 1 if measured.unfair() else 0


if __name__ == "__main__":
    sys.exit(main())
