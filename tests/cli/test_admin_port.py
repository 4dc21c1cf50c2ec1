"""The admin port of a real server, from before its model is loaded until it has drained."""

from __future__ import annotations

import asyncio
import signal

import aiohttp

from tests.cli.process import STARTER, admin_address, start
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.client import AsyncClient

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
