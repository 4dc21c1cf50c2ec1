"""Reflection by a tool of somebody else's, which prefers ``grpc.reflection.v1``."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from translate_svc.rpc.server import RpcServer

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

PROGRAM = Path(__file__).parent / "by_reflection.py"


async def test_a_generic_tool_calls_what_it_finds(server: RpcServer, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), server.target),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,  # out of reach of this project's modules
    )
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    results = json.loads(output)
    assert results["offered"] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "translate_svc.v1.SpeechTranslation",
    ]
    # it asks for v1 first, and would fall back to v1alpha
    assert results["called"] == [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/translate_svc.v1.SpeechTranslation/StreamingTranslate",
    ]
    assert results["methods"] == ["GetServerInfo", "ListLanguages", "StreamingTranslate", "Translate"]
    assert results["languages"] == ["deu", "eng", "fra", "spa"]
    opened, closed = results["events"][0], results["events"][-1]
    assert opened["opened"]["config"]["settings"]["targets"][0]["language"] == "spa"
    assert "closed" in closed
