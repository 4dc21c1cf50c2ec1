"""Unlike streams at one server: `python -m benchmarks.mixed_kinds`.

The server is `translate-svc serve` with the starter. Six callers translate utterance by utterance into one
text, five simultaneously with speech; each opens a stream of a quarter of a minute, again and again. Prints,
from the moment at which costs are known, how many openings were refused, what share of the time the engine
worked, and the capacity that the server told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

from benchmarks.attacks.server import AttackedServer, attacked_server
from benchmarks.newcomers import speech
from benchmarks.soak.speaker import RATE_HZ
from translate_svc.client import AsyncClient, ClientOptions, pace
from translate_svc.errors import ResourceExhausted
from translate_svc.types import Opened, SimultaneousSettings, TargetSettings

_WHOLE, _SIMULTANEOUS = 6, 5
_STREAM_S = 15.0
_KNOWN_S = 30.0
_AGAIN_S = 0.5


class Seen:
    """What was seen since costs are known. ``refused`` and ``opened``: by kind of stream."""

    def __init__(self) -> None:
        self.counts = False
        self.refused: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()


async def talk(server: AttackedServer, name: str, kind: str, seen: Seen) -> None:
    """One stream after another, for ever."""
    simultaneous = SimultaneousSettings() if kind == "simultaneous" else None
    async with AsyncClient(server.target, ClientOptions(api_key=server.keys[name])) as client:
        while True:
            try:
                async with client.stream(
                    source="en",
                    targets=[TargetSettings("es", speech=simultaneous is not None)],
                    simultaneous=simultaneous,
                    sample_rate_hz=RATE_HZ,
                ) as stream:
                    stream.feed(pace(speech(_STREAM_S), RATE_HZ))
                    async for event in stream:
                        seen.opened[kind] += seen.counts and isinstance(event, Opened)
            except ResourceExhausted:
                seen.refused[kind] += seen.counts
            await asyncio.sleep(_AGAIN_S)


async def _worked_s(server: AttackedServer) -> tuple[float, float]:
    """Seconds that steps took so far, and the capacity."""
    text = (await asyncio.to_thread(lambda: urlopen(f"http://{server.admin}/metrics").read())).decode()
    found = dict(re.findall(r"^(translate_svc_\w+) (\S+)$", text, re.MULTILINE))
    return float(found["translate_svc_step_seconds_sum"]), float(found["translate_svc_streams_capacity"])


async def measure(seconds: float) -> dict[str, object]:
    """What eleven callers get in so long."""
    kinds = ["whole"] * _WHOLE + ["simultaneous"] * _SIMULTANEOUS
    names = [f"{kind}-{number}" for number, kind in enumerate(kinds)]
    seen, capacities = Seen(), []
    with tempfile.TemporaryDirectory() as directory:
        async with attacked_server(Path(directory), names, ("--measure-capacity",)) as server:
            talking = [
                asyncio.create_task(talk(server, name, kind, seen))
                for name, kind in zip(names, kinds, strict=True)
            ]
            await asyncio.sleep(_KNOWN_S)
            seen.counts = True
            began_s, (before_s, _) = time.monotonic(), await _worked_s(server)
            while time.monotonic() - began_s < seconds:
                await asyncio.sleep(2.0)
                capacities.append((await _worked_s(server))[1])
            worked_s = (await _worked_s(server))[0] - before_s
            share = worked_s / (time.monotonic() - began_s)
            for each in talking:
                each.cancel()
            await asyncio.gather(*talking, return_exceptions=True)
    return {
        "opened": dict(seen.opened),
        "refused": dict(seen.refused),
        "engine's share of the time": round(share, 2),
        "capacity": f"{min(capacities):g} to {max(capacities):g}",
        "load average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0)
    print(json.dumps(asyncio.run(measure(parser.parse_args().seconds)), indent=1))


if __name__ == "__main__":
    main()
