"""A container with an admin port, told by its environment how to behave.

START_S until it is ready, WORK_S for each GET /work, which is refused once SIGTERM has come; EXIT_S from
SIGTERM until it exits, after the work in progress; STUBBORN ignores SIGTERM. FLAGS is a directory: while the
file `sick` is in it /healthz fails, while `busy` is /readyz fails.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

_HOST, _PORT = os.environ["HOST"], int(os.environ["PORT"])
_START_S, _WORK_S, _EXIT_S = (float(os.environ.get(name, "0")) for name in ("START_S", "WORK_S", "EXIT_S"))
_FLAGS = Path(os.environ.get("FLAGS", "/nonexistent"))


async def main() -> None:
    loop = asyncio.get_running_loop()
    stopped, started_s, working = asyncio.Event(), loop.time(), set[asyncio.Task[None]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        fine = {
            "/healthz": not (_FLAGS / "sick").exists(),
            "/readyz": loop.time() >= started_s + _START_S
            and not stopped.is_set()
            and not (_FLAGS / "busy").exists(),
            "/work": not stopped.is_set(),
        }.get(path, False)
        if path == "/work" and fine:
            task = asyncio.current_task()
            assert task is not None
            working.add(task)
            await asyncio.sleep(_WORK_S)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" if fine else b"HTTP/1.1 503 no\r\n\r\n")
        await writer.drain()
        writer.close()

    if "STUBBORN" in os.environ:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
    async with await asyncio.start_server(answer, _HOST, _PORT):
        await stopped.wait()
        await asyncio.gather(*working)
        await asyncio.sleep(_EXIT_S)


asyncio.run(main())
