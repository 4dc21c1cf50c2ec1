"""The programs that the page offers do what it did."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from google.protobuf import json_format

from tests.gateway.page.browser import Visit, needs_chromium, visit
from tests.interop.npm import NODE
from translate_svc.gateway.server import GatewayServer
from translate_svc.v1 import speech_translation_pb2 as pb2

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300), needs_chromium]

GRPCURL = 'grpcurl() { cat > requests.json; echo "$@" > arguments; }\n'
"""Debian has no grpcurl: this keeps what it would be given."""


class Programs:
    """The programs, by the name of their tab, and the folder in which they run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts: dict[str, str] = {}

    async def run(self, name: str, command: list[str], ending: str, before: str = "") -> str:
        script = self.folder / f"repeat{ending}"
        await asyncio.to_thread(script.write_text, before + self.texts[name], "utf-8")
        process = await asyncio.create_subprocess_exec(
            *command, script.name, cwd=self.folder, env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, error = await asyncio.wait_for(process.communicate(), 90)
        assert process.returncode == 0, error.decode()
        return output.decode()


async def _collect(page: Visit, folder: Path) -> Programs:
    programs = Programs(folder)
    await page.at("#code summary").click()
    for tab in await page.at("#code [role=tab]").all():
        await tab.click()
        programs.texts[await tab.inner_text()] = await page.at("#snippet").inner_text()
    said = await page.download("What was said: WAV")
    await asyncio.to_thread((folder / "said.wav").write_bytes, said)
    return programs


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def programs(
    starter: GatewayServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Programs]:
    async with visit(starter.target) as page:
        await page.at("#mode").select_option("sentence")
        await page.at("#mode").select_option("live")  # chosen by the person: a sample keeps it
        await page.page.get_by_role("button", name="My wife will call").click()
        await page.at("#hurry").click()
        await page.finished()
        yield await _collect(page, tmp_path_factory.mktemp("snippets"))


def spanish(output: str) -> str:
    return "".join(line.removeprefix("es ") for line in output.splitlines() if line.startswith("es "))


async def test_python_with_the_openai_sdk(programs: Programs) -> None:
    assert "vecino" in spanish(await programs.run("Python", [sys.executable], ".py"))


async def test_javascript(programs: Programs) -> None:
    assert "vecino" in spanish(await programs.run("JavaScript", [str(NODE)], ".mjs"))


async def test_grpcurl_is_given_valid_messages(programs: Programs) -> None:
    await programs.run("grpcurl", ["bash", "-eu"], ".sh", GRPCURL)
    text = await asyncio.to_thread((programs.folder / "requests.json").read_text, "utf-8")
    decoder, messages = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        messages.append(json_format.ParseDict(value, pb2.StreamingTranslateRequest()))
        text = text[end:]
    config = messages[0].config
    assert config.input.sample_rate_hz == 24_000
    assert [target.language for target in config.settings.targets] == ["es", "fr"]
    assert config.settings.HasField("simultaneous")
    audio = b"".join(message.audio.data for message in messages[1:])
    said = await asyncio.to_thread((programs.folder / "said.wav").read_bytes)
    assert audio == said[44:]
