"""Each recording of the page gives the expected texts as the page plays it, and the SDK's with its
defaults.
"""

from __future__ import annotations

import asyncio
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.clips import DATA, texts
from tests.gateway.clients import base64_parts, connect, pcm16
from tests.interop.npm import node_json
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import resample
from translate_svc.gateway.server import GatewayServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAGS = {"eng": "en", "spa": "es", "fra": "fr", "deu": "de"}
PART_S = 0.2


async def _of_the_page(source: str, targets: list[str]) -> dict[str, Any]:
    """The settings that the page's own code makes for a sample."""
    made = await node_json(Path(__file__).parent / "modules.mjs")
    settings: dict[str, Any] = deepcopy(made["sampleSettings"])
    settings["audio"]["input"] |= {
        "language": source,
        "transcription": {"model": "starter", "language": source},
    }
    outputs = [{"language": target} for target in targets]
    settings["audio"]["output"] |= {"language": targets[0], "targets": outputs}
    return settings


@pytest.mark.parametrize(("door", "codes"), [("page", list(TAGS)), ("SDK", ["eng"])])
async def test_a_sample_gives_the_expected_texts(starter: GatewayServer, door: str, codes: list[str]) -> None:
    async def play(code: str) -> None:
        expected = texts(f"demo_{code}")
        targets = [TAGS[each] for each in expected if each != code]
        settings: dict[str, Any] = {"audio": {"output": {"targets": [{"language": tag} for tag in targets]}}}
        if door == "page":
            settings = await _of_the_page(TAGS[code], targets)
        data = pcm16(resample(*read_audio(DATA / f"demo_{code}.flac"), 24_000))
        async with connect(starter.target) as session:
            await session.update(**settings)
            for part in base64_parts(data):
                await session.send("session.input_audio_buffer.append", audio=part)
                if door == "page":
                    await asyncio.sleep(PART_S)  # in real time, as the page does
            await session.send("session.close")
            assert await session.to_the_end() == 1000
        for each, tag in TAGS.items():
            if each != code:
                assert session.text(tag).strip() == expected[each]

    await asyncio.gather(*map(play, codes))
