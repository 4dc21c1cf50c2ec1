"""The examples of the documentation run, and print what the page says they print."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from translate_svc.config import Settings
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = "127.0.0.1:50051"
_EXAMPLE = re.compile(r"```python\n(?P<code>.*?)```(?:\n\n```text\n(?P<printed>.*?)```)?", re.DOTALL)


def examples(page: str) -> list[tuple[str, str | None]]:
    text = (ROOT / page).read_text("utf-8")
    return [(match["code"], match["printed"]) for match in _EXAMPLE.finditer(text)]


EXAMPLES = [
    pytest.param(code, printed, id=f"{page}-{number}")
    for page in ("README.md", "docs/contract.md")
    for number, (code, printed) in enumerate(examples(page))
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def address() -> AsyncIterator[str]:
    settings = Settings(model=str(ROOT / "model_cache" / "starter"), port=0)
    async with Service.start(settings) as service:
        server = RpcServer(service, RpcOptions(address=settings.address))
        await server.start()
        try:
            yield server.target
        finally:
            await server.stop(0.0)


def test_the_pages_have_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("code", "printed"), EXAMPLES)
async def test_an_example_prints_what_the_page_says(address: str, code: str, printed: str | None) -> None:
    assert ADDRESS in code
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code.replace(ADDRESS, address),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    if printed is not None:
        assert out.decode() == printed
    else:
        assert out
