"""How the command sets gRPC up before it is imported, seen by what a server's threads do."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_SERVER = """
import translate_svc.cli
import asyncio, json, os, sys, grpc
from pathlib import Path

CALLS = '''
import sys, grpc
call = grpc.insecure_channel(sys.argv[1]).unary_unary("/nobody/home")
for _ in range(1000):
    try: call(b"")
    except grpc.RpcError as error: assert error.code() is grpc.StatusCode.UNIMPLEMENTED
'''

async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", CALLS, f"127.0.0.1:{port}")
    assert await client.wait() == 0
    switches = {}
    for task in Path("/proc/self/task").iterdir():
        name = (task / "comm").read_text().strip()
        status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        switches[name] = switches.get(name, 0) + int(status["voluntary_ctxt_switches"])
    print(json.dumps(switches))

asyncio.run(main())
"""


def switches_by_thread(**environment: str) -> dict[str, int]:
    """Of a server that has answered 1,000 calls: how often its threads of each name have gone to sleep."""
    known = {name: value for name, value in os.environ.items() if name != "GRPC_EXPERIMENTS"}
    output = subprocess.run(
        [sys.executable, "-c", _SERVER], env=known | environment, check=True, capture_output=True, timeout=60
    ).stdout
    counted: dict[str, int] = json.loads(output)
    return counted


@pytest.mark.realtime
def test_no_message_goes_through_a_thread_of_grpcs_own() -> None:
    assert switches_by_thread().get("event_engine", 0) < 500


@pytest.mark.realtime
def test_an_operator_decides_otherwise() -> None:
    assert switches_by_thread(GRPC_EXPERIMENTS="event_engine_listener")["event_engine"] > 1_000
