"""Gets a caller without a stream in beside one who fills the server: `python -m benchmarks.newcomers`.

The server is `translate-svc serve` with the starter and API keys. One key keeps as many streams of live
speech as it gets, and tries again at once when it is refused. Once the capacity is measured, others come one
after the other, each with a key of its own, and speak for three seconds. Prints how long each of them had to
wait for `opened`, its own tries included, and how many streams the first one had.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.attacks.server import AttackedServer, attacked_server
from benchmarks.capacity.caller import clips
from benchmarks.soak.speaker import RATE_HZ
from translate_svc.client import AsyncClient, ClientOptions, pace
from translate_svc.errors import ResourceExhausted
from translate_svc.types import Opened, Samples

_GREEDY = "greedy"
_BUSY_S = 25.0
"""Until the capacity is measured: the server knows it after 20 s of speech."""
_STAYS_S = 3.0
_GIVES_UP_S = 30.0
_AGAIN_S = 0.2


def speech(seconds: float) -> Samples:
    """Sentences with pauses between them."""
    pause = np.zeros(round(0.7 * RATE_HZ), np.float32)
    parts = itertools.chain.from_iterable((clip, pause) for clip in itertools.cycle(clips()))
    said: list[Samples] = []
    while sum(map(len, said)) < seconds * RATE_HZ:
        said.append(next(parts))
    return np.concatenate(said)


async def talk(server: AttackedServer, name: str, seconds: float, open_now: list[str]) -> float:
    """Speaks as ``name`` for so long. Returns the seconds until it was let in."""
    options = ClientOptions(api_key=server.keys[name])
    began_s = time.monotonic()
    async with AsyncClient(server.target, options) as client:
        while True:
            try:
                async with client.stream(source="en", targets=["es"], sample_rate_hz=RATE_HZ) as stream:
                    stream.feed(pace(speech(seconds), RATE_HZ))
                    return await _hear(stream, name, began_s, open_now)
            except ResourceExhausted:
                if time.monotonic() - began_s > _GIVES_UP_S and name != _GREEDY:
                    return _GIVES_UP_S
                await asyncio.sleep(_AGAIN_S)


async def _hear(stream: object, name: str, began_s: float, open_now: list[str]) -> float:
    waited_s = 0.0
    try:
        async for event in stream:  # type: ignore[attr-defined]
            if isinstance(event, Opened):
                waited_s = time.monotonic() - began_s
                open_now.append(name)
    finally:
        if name in open_now:
            open_now.remove(name)
    return waited_s


async def measure(streams: int, newcomers: int) -> dict[str, object]:
    """The waits of ``newcomers`` beside ``streams`` streams of one key."""
    names = (_GREEDY, *(f"newcomer-{number}" for number in range(newcomers)))
    open_now: list[str] = []
    with tempfile.TemporaryDirectory() as directory:
        async with attacked_server(
            Path(directory), names, ("--max-streams", "40", "--measure-capacity")
        ) as server:

            async def keep_speaking() -> None:
                while True:
                    await talk(server, _GREEDY, 20.0, open_now)

            speaking = [asyncio.create_task(keep_speaking()) for _ in range(streams)]
            await asyncio.sleep(_BUSY_S)
            waits_s, held = [], []
            for name in names[1:]:
                held.append(open_now.count(_GREEDY))
                waits_s.append(round(await talk(server, name, _STAYS_S, open_now), 2))
            for each in speaking:
                each.cancel()
            await asyncio.gather(*speaking, return_exceptions=True)
    return {
        "streams of the first": f"{min(held)} to {max(held)} of {streams}",
        "within 2 s": sum(wait_s <= 2.0 for wait_s in waits_s),
        "newcomers": newcomers,
        "waits, s": waits_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--streams", type=int, default=20, help="that the first caller wants")
    parser.add_argument("--newcomers", type=int, default=20)
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(measure(arguments.streams, arguments.newcomers)), indent=1))


if __name__ == "__main__":
    main()
