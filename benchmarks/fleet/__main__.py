"""``make fleet``: the model beside the measurements, and what many streams break first.

Writes benchmarks/results/fleet.json. It measures nothing: all costs are those that were measured in
November 2026, and those of ``make soak``. Exits with 1 if a figure of the model is more than 15 % from what
was measured.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from benchmarks.fleet.costs import Costs, measured_costs
from benchmarks.fleet.figures import RESULTS, figures
from benchmarks.fleet.node import Node
from benchmarks.fleet.simulation import Load, simulate

MAX_ERROR = 0.15
_STREAMS = (1_000, 10_000)


def breaking(costs: Costs, node: Node, processes: int, streams: int) -> dict[str, object]:
    """What so many streams do to a node with so many front processes. The clients are elsewhere."""
    share, rest = divmod(streams, processes)
    load = Load(
        cores=node.cores,
        streams=tuple(share + (index < rest) for index in range(processes)),
        seconds=2.0,
        warm_up_s=3.0,
        fronts=True,
        engine_steps=node.engine_steps,
        client_here=False,
    )
    result = simulate(load, costs)
    fronts = {name: used for name, used in result.busy.items() if name.startswith("front")}
    return {
        "streams": streams,
        "front_processes": processes,
        "messages_a_second": round(result.messages_a_second),
        "handled_share": round(result.messages_a_second / (50 * streams), 3),
        "handling_p99_ms": round(result.percentile("handling_ms", 99), 1),
        "cores_used": round(sum(result.busy.values()), 2),
        "busiest_loop": round(max(used for name, used in fronts.items() if "," not in name), 2),
        "busiest_detector": round(max(used for name, used in fronts.items() if "," in name), 2),
        "engines_process": round(result.busy.get("engine's process", 0.0), 2),
        "engine": round(node.activity * streams * node.engine_s, 2),
    }


def main() -> int:
    """The command."""
    costs, node = measured_costs(), Node()
    compared = list(figures())
    for figure in compared:
        print(f"{figure.name:60} {figure.measured:9.1f} {figure.modelled:9.1f} {figure.error:+7.1%}")
    many = [
        breaking(costs, node, processes, streams)
        for streams in _STREAMS
        for processes in (1, 2, 4, 8, node.cores - node.engine_cores)
        if streams <= 1_000 or processes > 8
    ]
    paper = {
        f"{message_ms} ms": {
            "front_streams": each.front_streams(costs),
            "front_processes": each.front_processes(costs),
            "relay_streams": each.relay_streams(costs),
            "engine_streams": each.engine_streams,
        }
        for message_ms in (20, 40, 100)
        for each in [Node(message_s=message_ms / 1000)]
    }
    result = {
        "costs": asdict(costs),
        "figures": [asdict(figure) for figure in compared],
        "many_streams": many,
        "node": asdict(node),
        "carries": paper,
    }
    text = json.dumps(result, indent=1)
    (RESULTS / "fleet.json").write_text(text + "\n")
    print(text)
    return int(any(abs(figure.error) > MAX_ERROR for figure in compared))


if __name__ == "__main__":
    sys.exit(main())
