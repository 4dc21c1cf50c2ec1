"""What a full server refuses waits for a place, and says so at once. What may be live cannot wait."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.process import NOTICE, served, start
from tests.clips import DATA
from translate_svc.cli.backends.patience import Patience
from translate_svc.client import AsyncClient, AsyncStream

DEMO = DATA / "demo_eng.flac"
SOUND = DEMO.read_bytes()
WAITING = b"translate-svc: no place yet: all 1 streams are in use; trying again for up to ten minutes\n"
REFUSED = "translate-svc: all 1 streams are in use\n"
TO = "--from", "en", "--to", "fr"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with one place."""
    with served(flags=["--max-streams", "1"]) as server:
        yield server


@pytest.fixture
async def taken(address: str) -> AsyncIterator[AsyncStream]:
    """The stream that has the place."""
    async with AsyncClient(address) as client:
        opening = partial(client.stream, source="en", targets=["fr"], sample_rate_hz=16_000)
        async with Patience().place(opening) as stream:  # that of the test before may not have ended yet
            yield stream


async def _until_told(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while (line := await process.stderr.readline()) != WAITING:
        assert line.decode() == NOTICE


@pytest.mark.parametrize("kind", ["recording", "text", "typed", "batch"])
async def test_a_full_server_is_waited_for(
    kind: str, address: str, taken: AsyncStream, tmp_path: Path
) -> None:
    (tmp_path / "asked.txt").write_text("Where is the station?\n\nWhere is the bus stop?\n")
    call = {
        "recording": ("translate", str(DEMO)),
        "text": ("translate", str(tmp_path / "asked.txt")),
        "typed": ("say", "Where is the station?"),
        "batch": ("batch", str(DEMO), "--out", str(tmp_path / "out")),
    }[kind]
    process = await start(*call, *TO, "--server", address)
    await _until_told(process)
    taken.cancel()
    output, error = await process.communicate()
    assert (process.returncode, error) == (0, b"")
    shown = {"recording": "réunion", "batch": "1 translated"}.get(kind, "gare")
    assert shown in output.decode()


@pytest.mark.usefixtures("taken")
async def test_who_waits_for_a_place_can_be_interrupted(address: str, tmp_path: Path) -> None:
    process = await start("translate", str(DEMO), *TO, "--server", address, "-o", str(tmp_path / "dub.wav"))
    await _until_told(process)
    process.send_signal(signal.SIGINT)
    _, error = await process.communicate()
    assert (process.returncode, error) == (130, b"translate-svc: interrupted\n")
    assert not os.listdir(tmp_path)


@pytest.mark.usefixtures("taken")
async def test_what_comes_through_a_pipe_does_not_wait(address: str) -> None:
    process = await start("translate", "-", *TO, "--server", address, stdin=asyncio.subprocess.PIPE)
    _, error = await process.communicate(SOUND)
    assert (process.returncode, error.decode().replace(NOTICE, "")) == (1, REFUSED)
