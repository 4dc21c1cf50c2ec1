"""NVIDIA's plugin of LiveKit Agents, from PyPI and in an environment of its own, with `serve --riva`."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.cli.process import ROOT, environment, serving
from tests.clips import texts

_PYTHON = ROOT / "build" / "integrations" / "livekit-nvidia" / "bin" / "python"
_PROGRAM = """
import asyncio, json, sys
from livekit import rtc
from livekit.agents import stt
from livekit.plugins import nvidia

async def main(server, text):
    voice = nvidia.TTS(server=server, use_ssl=False, voice="en.0", language_code="en-US")
    speech = b""
    async with voice.synthesize(text) as spoken:
        async for event in spoken:
            speech += bytes(event.frame.data)
    ears = nvidia.STT(server=server, use_ssl=False, language_code="en-US").stream()
    for at in range(0, len(speech), 640):
        part = speech[at : at + 640]
        ears.push_frame(rtc.AudioFrame(part, 16_000, 1, len(part) // 2))
    ears.end_input()
    heard = []
    async for event in ears:
        if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
            (best,) = event.alternatives
            heard.append([best.text, best.confidence, [str(word) for word in best.words]])
    print(json.dumps({"voices": voice.list_voices(), "heard": heard}))

asyncio.run(main(*sys.argv[1:]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not _PYTHON.exists(), reason="it is not installed; `make integrations` does it"),
]


async def test_an_agent_speaks_and_hears_what_it_said() -> None:
    text = texts("eng_2")["eng"]
    async with serving("--riva") as (_, address):
        agent = await asyncio.create_subprocess_exec(
            _PYTHON, "-c", _PROGRAM, address, text, env=environment({}), stdout=asyncio.subprocess.PIPE
        )
        written, _ = await agent.communicate()
    told = json.loads(written.decode().splitlines()[-1])
    assert told["voices"]["en"]["voices"][:2] == ["en.0", "en.1"]
    ((heard, confidence, words),) = told["heard"]
    assert heard.strip() == text
    assert words == text.split()
    assert 0 < confidence <= 1
