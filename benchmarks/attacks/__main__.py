"""``make attacks``: every attack on a real server, with bystanders. Writes benchmarks/results/attacks.json.

For each attack bystanders speak in turns without and with it; both belong to the same streams. The first run
is without any attack: its "ratio" is what the machine's own noise makes of equal things. The attacks on the
connection itself come once more with ``serve --guard``: Envoy in front, set as in Kubernetes.

``python -m benchmarks.attacks NAME ...`` runs the named attacks, and writes only with ``--results FILE``.

Exits with 1 if a limit is broken: 256 MiB, 64 MiB a minute after the attacker has left, results that are not
identical, 1.25 times the p95 of first texts, 100 ms for readiness, newcomers neither served nor refused.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks.attacks.floods import ATTACKS, BY_CONNECTION
from benchmarks.attacks.measure import GIVEN_BACK_S, NAMES, AttackResult, Results, measure
from benchmarks.attacks.server import attacked_server
from translate_svc.cli.guard.envoy.process import find_envoy

_RESULTS = Path(__file__).parents[1] / "results" / "attacks.json"
_NO_ATTACK = "no attack"
_MAX_GROWN_MIB, _MAX_KEPT_MIB, _MAX_RATIO, _MAX_READY_MS = 256, 64, 1.25, 100


async def run(
    names: Sequence[str], seconds: float, rounds: int, *, flags: Sequence[str] = ()
) -> dict[str, AttackResult]:
    """Each attack, after a warm-up and a run without attacks. ``flags``: of ``serve``."""
    results: dict[str, AttackResult] = {}
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(attacked_server(directory, NAMES, flags))
        expected: Results = []
        await measure(None, server, expected, seconds, rounds, 0.0)  # the allocator grows at first
        for name in (_NO_ATTACK, *names):
            attack = None if name == _NO_ATTACK else name
            result, got = await measure(attack, server, expected, seconds, rounds)
            expected = expected or got
            results[name] = result
            print(_line(name, result), flush=True)
    return results


def _line(name: str, result: AttackResult) -> str:
    calm, attack = result.calm, result.attack
    return (
        f"{name:24} p95 {calm.text_p95_ms:7.1f} ->{attack.text_p95_ms:8.1f} ms"
        f" ({result.text_p95_ratio:5.2f}), p50 ({result.text_p50_ratio:5.2f}),"
        f" new {calm.newcomer_p95_ms:6.1f} ->{attack.newcomer_p95_ms:8.1f}"
        f" ({attack.newcomers_failed} failed, {attack.newcomers_refused} refused),"
        f" ready p99 {calm.ready_p99_ms:6.1f} ->{attack.ready_p99_ms:7.1f}, max {attack.ready_max_ms:6.1f}"
        f" ({attack.not_ready} not), {result.grown_mib:+7.1f} MiB, {result.kept_mib:+.1f} kept,"
        f" {result.wrong} wrong,"
        f" cpu {calm.cpu_share:.2f} -> {attack.cpu_share:.2f}, load {result.load_average} {result.done}"
    )


def broken(name: str, result: AttackResult) -> list[str]:
    """The limits that a result breaks, in words."""
    measured = {
        f"{result.grown_mib} MiB more": result.grown_mib > _MAX_GROWN_MIB,
        f"{result.kept_mib} MiB kept after {GIVEN_BACK_S:g} s": result.kept_mib > _MAX_KEPT_MIB,
        f"first texts at {result.text_p95_ratio} times their p95": result.text_p95_ratio > _MAX_RATIO,
        f"ready after {result.attack.ready_p99_ms} ms": result.attack.ready_p99_ms > _MAX_READY_MS,
        f"{result.wrong} results of bystanders": result.wrong > 0,
        f"{result.attack.newcomers_failed} newcomers": result.attack.newcomers_failed > 0,
    }
    return [f"{name}: {said}" for said, is_broken in measured.items() if is_broken]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("attacks", nargs="*", metavar="NAME", help=f"of {', '.join(ATTACKS)}")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, help="where to write; of all attacks: attacks.json")
    given = parser.parse_args()
    if unknown := set(given.attacks) - set(ATTACKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = given.attacks or list(ATTACKS)
    results = {"direct": asyncio.run(run(chosen, given.seconds, given.rounds))}
    proxied = [name for name in chosen if name in BY_CONNECTION]
    if find_envoy() is not None and proxied:
        results["envoy"] = asyncio.run(run(proxied, given.seconds, given.rounds, flags=["--guard", "on"]))
    elif proxied:
        print("not measured with --guard: Envoy is missing (the extra guard)", file=sys.stderr)
    if file := given.results or (None if given.attacks else _RESULTS):
        written = {
            side: {name: asdict(each) for name, each in measured.items()}
            for side, measured in results.items()
        }
        file.write_text(json.dumps(written, indent=1) + "\n")
    findings = [
        f"{side}: {said}"
        for side, measured in results.items()
        for name, each in measured.items()
        for said in broken(name, each)
    ]
    print(*findings, sep="\n", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
