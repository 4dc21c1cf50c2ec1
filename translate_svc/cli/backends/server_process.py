"""Runs ``translate-svc serve`` as a child process on a free loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.cli.interrupts import at_leave
from translate_svc.errors import Unavailable

_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 15.0
_LOG_TAIL_CHARACTERS = 2_000


@asynccontextmanager
async def server_process(flags: Sequence[str]) -> AsyncIterator[str]:
    """Starts a server, yields its address, and stops it at the end of the block.

    Raises:
        Unavailable: the server did not become ready. The message contains the end of its log.
    """
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "translate_svc", "serve", "--port", "0", "--no-admin", *flags),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            # one thread is best if the client uses the same few cores
            env=os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
        )
        with at_leave(process.kill):
            try:
                assert process.stdout is not None
                line = b""
                with contextlib.suppress(TimeoutError):
                    line = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT_S)
                text = line.decode().strip()
                if not text.startswith(READY_PREFIX):
                    log.seek(0)
                    tail = log.read().decode(errors="replace")[-_LOG_TAIL_CHARACTERS:].strip()
                    raise Unavailable(f"the server did not start\n{tail}")
                yield text.removeprefix(READY_PREFIX)
            finally:
                await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
