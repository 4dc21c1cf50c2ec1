"""An attacker as a process of its own: attacks between the lines ``go`` and ``stop`` of its input.

It has the server's priority, and so takes a processor from it on a small machine, as a real one does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.attacks.aim import Aim
from benchmarks.attacks.floods import ATTACKS

_ROOT = Path(__file__).parents[2]


class Attacker:
    """The process, seen from the one that measures."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def go(self) -> None:
        """Begins the attack."""
        await self._say("go")

    async def stop(self) -> dict[str, int]:
        """Ends the attack; returns what it has done in all."""
        assert self._process.stdout is not None
        await self._say("stop")
        counts: dict[str, int] = json.loads(await self._process.stdout.readline())
        return counts

    async def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()


@asynccontextmanager
async def attacker(name: str, target: str, admin: str, key: str) -> AsyncIterator[Attacker]:
    """An attacker that is ready; at the end it is killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.attacks.attacker", name, target, admin, key),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
    )
    try:
        assert process.stdout is not None
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"the attacker {name} did not start")
        yield Attacker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _obey(name: str, aim: Aim) -> None:
    attack = asyncio.create_task(asyncio.sleep(0))
    print("ready", flush=True)
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if command == "go":
            attack = asyncio.create_task(ATTACKS[name](aim))
            continue
        attack.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attack
        print(json.dumps(aim.done), flush=True)


if __name__ == "__main__":
    asyncio.run(_obey(sys.argv[1], Aim(sys.argv[2], sys.argv[3], sys.argv[4])))
