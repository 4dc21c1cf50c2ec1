"""The admin port of a real server, from before its model is loaded until it has drained."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.cli.process import STARTER, admin_address, start
from translate_svc.access.api_keys import key_line, new_key
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.client import AsyncClient, ClientOptions

_ON = {"TRANSLATE_SVC_ADMIN": "true"}


async def _probe(http: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with http.get(path) as response:
        return response.status, await response.text()


async def test_probes_follow_a_server_through_its_life() -> None:
    process = await start("serve", "--model", STARTER, "--port", "0", "--admin-port", "0", variables=_ON)
    assert process.stdout is not None
    admin = await admin_address(process)
    try:
        async with aiohttp.ClientSession(f"http://{admin}") as http:
            assert await _probe(http, "/healthz") == (200, "ok\n")
            assert await _probe(http, "/readyz") == (503, "the model is being loaded\n")
            line = (await process.stdout.readline()).decode()
            assert await _probe(http, "/readyz") == (200, "ok\n")
            status, text = await _probe(http, "/metrics")
            assert status == 200
            assert "translate_svc_ready 1.0\n" in text
            async with (
                AsyncClient(line.removeprefix(READY_PREFIX).strip()) as client,
                client.stream(targets=["es"], sample_rate_hz=16_000) as stream,
            ):
                process.send_signal(signal.SIGTERM)
                async for event in stream:
                    if type(event).__name__ == "GoAway":
                        break
                assert await _probe(http, "/readyz") == (503, "the server is draining\n")
                assert await _probe(http, "/healthz") == (200, "ok\n")
                await stream.end()
        await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize("fronts", [pytest.param("1", marks=pytest.mark.slow), "2"])
async def test_a_key_file_that_cannot_be_used_is_counted_among_the_errors_of_the_log(
    tmp_path: Path, fronts: str
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(key_line("one", key := new_key()))
    flags = ("--api-keys", str(keys), "--front-processes", fronts)
    process = await start(
        "serve", "--model", STARTER, "--port", "0", "--admin-port", "0", *flags, variables=_ON
    )
    assert process.stdout is not None
    admin = await admin_address(process)
    try:
        line = (await process.stdout.readline()).decode()
        address = line.removeprefix(READY_PREFIX).strip()
        async with aiohttp.ClientSession(f"http://{admin}") as http:

            async def errors() -> float:
                _, text = await _probe(http, "/metrics")
                (value,) = re.findall(
                    r'^translate_svc_log_messages_total\{level="error"\} (\S+)$', text, re.M
                )
                return float(value)

            assert await errors() == 0
            keys.write_text("half of a line\n")
            async with asyncio.timeout(60):
                while not await errors():
                    async with AsyncClient(address, ClientOptions(api_key=key)) as client:
                        await client.languages()  # what was read before stays in force
    finally:
        process.kill()
        await process.communicate()
