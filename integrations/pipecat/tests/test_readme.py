"""The program of the README runs as it is written."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipecat.frames.frames import TranslationFrame
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.tests.utils import run_test
from test_processor import of, said

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")


async def test_the_program_of_the_readme_runs(base_url: str) -> None:
    """``transport`` is any of Pipecat's; here its ends only pass frames on."""
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {"transport": SimpleNamespace(input=IdentityFilter, output=IdentityFilter)}
    exec(program.replace("http://127.0.0.1:8080", base_url), names)
    async with asyncio.timeout(60):
        down, _ = await run_test(names["pipeline"], frames_to_send=said("eng_1.flac"), start_timeout=10.0)
    (translation,) = of(list(down), TranslationFrame)
    assert "mensaje" in translation.text
