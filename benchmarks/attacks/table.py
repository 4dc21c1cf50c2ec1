"""The rows of two pages of docs/reliability. ``python -m benchmarks.attacks.table`` prints them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results" / "attacks.json"
SIDES = ("direct", "envoy")
_DONE = {
    "halves sent": "halves",
    "calls": "calls",
    "resets": "resets",
    "frames": "frames",
    "messages": "messages",
    "connections": "connections",
}
"""What an attack did, in words: the first of these that it counted. Otherwise its calls were refused."""


def rows(results: Mapping[str, Any]) -> list[str]:
    """One row for each attack of a side of the results."""
    return [_row(name, result) for name, result in results.items()]


def given_back(results: Mapping[str, Any]) -> list[str]:
    """One row for each attack: memory at its peak and a minute later, without and with Envoy in front."""
    direct, envoy = (results[side] for side in SIDES)
    return [_memory(name, direct[name], envoy.get(name)) for name in direct]


def _memory(name: str, *sides: Mapping[str, Any] | None) -> str:
    measured = [each for each in sides if each is not None]
    cells = (
        name,
        " / ".join(f"{each['grown_mib']:.0f}" for each in measured) + " MiB",
        " / ".join(f"{each['kept_mib']:.0f}" for each in measured) + " MiB",
        " / ".join(f"{each['load_average']:.0f}" for each in measured),
    )
    return f"| {' | '.join(cells)} |"


def _row(name: str, result: Mapping[str, Any]) -> str:
    calm, attack = result["calm"], result["attack"]
    cells = (
        name,
        _done(result["done"]),
        f"{result['grown_mib']:.0f} MiB",
        f"{calm['text_p95_ms']:,.0f} / {attack['text_p95_ms']:,.0f} ms",
        f"{result['text_p95_ratio']:.2f}",
        f"{calm['newcomer_p95_ms']:,.0f} / {attack['newcomer_p95_ms']:,.0f} ms",
        f"{calm['ready_p99_ms']:,.0f} / {attack['ready_p99_ms']:,.0f} ms",
        str(result["wrong"]),
        f"{result['load_average']:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _done(done: Mapping[str, int]) -> str:
    refused = sum(count for name, count in done.items() if name.startswith("status "))
    if refused and "halves sent" not in done and "messages" not in done:
        return f"{refused:,} calls refused"
    return next((f"{done[name]:,} {word}" for name, word in _DONE.items() if name in done), "")


if __name__ == "__main__":
    measured = json.loads(RESULTS.read_text())
    for side in SIDES:
        print(*rows(measured[side]), "", sep="\n")
    print(*given_back(measured), sep="\n")
