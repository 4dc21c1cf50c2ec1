"""The program of the README runs as it is written."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

from livekit import rtc

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")


async def test_the_program_of_the_readme_runs(base_url: str) -> None:
    """``context`` is what LiveKit gives an agent; here its room is not connected."""
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = compile(
        program.replace("http://127.0.0.1:8080", base_url),
        "README.md",
        "exec",
        ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )
    names = {"context": SimpleNamespace(room=rtc.Room())}
    await eval(code, names)
    session = names["session"]
    errors: list[object] = []
    session.on("error", errors.append)
    await asyncio.sleep(1.0)
    await session.aclose()
    assert not errors
