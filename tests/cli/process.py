"""The command as a process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.models.checkpoint.identity import read_identity

ROOT = Path(__file__).resolve().parents[2]
STARTER = str(ROOT / "model_cache" / "starter")

_NOTICE = read_identity(Path(STARTER)).notice.partition(";")[0]
NOTICE = f"translate-svc: starter: {_NOTICE} (more: translate-svc models)\n"
"""What a command says on standard error before it first translates with the starter."""


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's, without any settings but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANSLATE_SVC_")}
    # no admin port unless a test wants one: servers of several tests would meet on it
    # and none of the models that this machine's other programs downloaded
    # a model's notice is told with every command: what was told before cannot be noted there
    # a busy machine must not make a server refuse streams
    own = {
        "OMP_NUM_THREADS": "1",
        "TRANSLATE_SVC_ADMIN": "false",
        "TRANSLATE_SVC_MEASURE_CAPACITY": "false",
        "HF_HUB_CACHE": "/nonexistent",
        "XDG_STATE_HOME": "/dev/null",
    }
    return kept | own | dict(variables or {})


async def start(
    *arguments: str, variables: Mapping[str, str] | None = None, stdin: int | None = None
) -> asyncio.subprocess.Process:
    """``translate-svc`` with both outputs in pipes. ``stdin``: as of ``subprocess``."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translate_svc", *arguments),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment(variables),
    )


async def run(*arguments: str, variables: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command that ends by itself."""
    process = await start(*arguments, variables=variables)
    output, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), error.decode()


@asynccontextmanager
async def serving(*flags: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A server on the starter checkpoint that is ready, and its address."""
    process = await start("serve", "--model", STARTER, "--port", "0", *flags)
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith(READY_PREFIX), line
        yield process, line.removeprefix(READY_PREFIX).strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def admin_address(process: asyncio.subprocess.Process) -> str:
    """The address of the admin port, which the first line of a server's log names."""
    assert process.stderr is not None
    line = (await process.stderr.readline()).decode()
    found = re.search(r"metrics and probes on ([\d.:]+)", line)
    assert found is not None, line
    return found[1]


@contextmanager
def served(program: str = "translate_svc", *, flags: Sequence[str] = ()) -> Iterator[str]:
    """The address of a server on the starter checkpoint, for tests without a loop of their own.

    ``program``: the module that is run, which takes the same arguments.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", program, "serve", "--model", STARTER, "--port", "0", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment(),
        text=True,
    )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(READY_PREFIX), line
        yield line.removeprefix(READY_PREFIX).strip()
        process.kill()
