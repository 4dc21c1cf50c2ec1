"""``serve --front-processes`` as its operator meets it: the real command, with the starter checkpoint."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from pathlib import Path

import aiohttp
import pytest

from tests.cli.conftest import Command
from tests.cli.process import STARTER, run, serving
from tests.cli.test_lost_engine import _LOSE, losing, messages
from translate_svc.client import AsyncClient
from translate_svc.errors import Unavailable

pytestmark = pytest.mark.timeout(180)


async def test_both_transports_are_served_at_one_port_each_until_sigterm() -> None:
    flags = ("--front-processes", "2", "--http", "127.0.0.1:0", "--drain-grace-s", "5")
    async with serving(*flags) as (process, address):
        assert process.stdout is not None
        http = (await process.stdout.readline()).decode().split()[-1]
        for _ in range(4):
            async with AsyncClient(address) as client:
                translation = await client.translate(
                    text="Good morning.", source="en", targets=["es"]
                ).result()
                assert translation.text == {"spa": "Buenos días."}
                info = await client.info()
        assert [each.ready for each in info.front_processes] == [True, True]
        async with aiohttp.ClientSession() as session, session.get(f"{http}/v1/models") as response:
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        _, error = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
    log = [json.loads(line) for line in error.decode().splitlines() if line.startswith("{")]
    assert log[-1]["message"] == "stopped"
    assert sum(entry["message"] == "stream ended" for entry in log) == 4


async def test_a_lost_engine_is_exit_code_3() -> None:
    async with losing(_LOSE, flags=("--front-processes", "2")) as (process, address, _):
        async with AsyncClient(address) as client:
            with pytest.raises(Unavailable):
                await client.translate(text="Hello.", source="en", targets=["es"]).result()
        log = await messages(process)
        assert process.returncode == 3
    assert log[-1] == "stopped", "it went the orderly way"


async def test_what_a_killed_server_left_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sockets, and the key that seals resume tokens."""
    # not in pytest's own folder, whose name may be too long for the path of a socket
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        async with serving("--front-processes", "2") as (process, _):
            process.kill()
            await process.communicate()
        (left,) = os.listdir(folder)
        assert "resume-keys" in os.listdir(f"{folder}/{left}")
        os.utime(f"{folder}/{left}", (0, 0))
        async with serving("--front-processes", "2"):
            assert left not in os.listdir(folder)


async def test_a_folder_too_deep_for_sockets_is_refused_by_its_name(tmp_path: Path) -> None:
    (deep := tmp_path / ("deep" * 20)).mkdir()
    flags = ("--model", STARTER, "--port", "0", "--front-processes", "2")
    code, output, error = await run("serve", *flags, variables={"TMPDIR": str(deep)})
    said = f"translate-svc: TMPDIR: {deep} has a path of more than 107 bytes"
    assert (code, output, error.splitlines()[-1]) == (1, "", said)


def test_several_processes_cannot_share_a_unix_socket(command: Command) -> None:
    code, output, error = command("serve", "--host", "unix:/tmp/x", "--front-processes", "2")
    said = "translate-svc: --host: needs --front-processes 1: several processes cannot listen here"
    assert (code, output, error.splitlines()[-1]) == (1, "", said)
