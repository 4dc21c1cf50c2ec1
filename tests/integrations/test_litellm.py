"""LiteLLM's proxy in front of a server, from PyPI and in an environment of its own."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.cli.process import ROOT, environment, serving
from tests.gateway.clients import TRANSLATIONS, base64_parts, clip, connect, pcm16, silence
from translate_svc.cli.commands.serve import READY_PREFIX

_PROXY = ROOT / "build" / "integrations" / "litellm" / "bin" / "litellm"
_KEY = {"Authorization": "Bearer sk-test"}
_START_S = 90
_RECORDING = (ROOT / "tests" / "data" / "eng_1.flac").read_bytes()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(200),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not _PROXY.exists(), reason="litellm is not installed; `make integrations` does it"),
]


def _configuration(api_base: str) -> str:
    """Of the proxy; YAML contains JSON."""
    server = {"model": "openai/starter", "api_base": api_base, "api_key": "none"}
    models = [
        {"model_name": "file", "litellm_params": server, "model_info": {"mode": "audio_transcription"}},
        {"model_name": "live", "litellm_params": server, "model_info": {"mode": "realtime"}},
    ]
    return json.dumps({"model_list": models, "general_settings": {"master_key": "sk-test"}})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The proxy's address."""
    folder = tmp_path_factory.mktemp("litellm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with serving("--http", "127.0.0.1:0") as (server, _):
        assert server.stdout is not None
        line = (await server.stdout.readline()).decode()
        api_base = f"{line.removeprefix(READY_PREFIX).strip()}/v1"
        (folder / "config.yaml").write_text(_configuration(api_base))
        process = await asyncio.create_subprocess_exec(
            _PROXY, "--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", str(port),
            env=environment({"LITELLM_LOCAL_MODEL_COST_MAP": "True"}), cwd=folder,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await _until_alive(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            await process.wait()


async def _until_alive(address: str) -> None:
    async with asyncio.timeout(_START_S), aiohttp.ClientSession(address) as http:
        while True:
            try:
                async with http.get("/health/liveliness") as response:
                    if response.ok:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.5)


async def test_a_file_is_transcribed_through_the_proxy(proxy: str) -> None:
    form = aiohttp.FormData({"model": "file", "language": "en"})
    form.add_field("file", _RECORDING, filename="eng_1.flac")
    async with (
        aiohttp.ClientSession(proxy, headers=_KEY) as http,
        http.post("/v1/audio/transcriptions", data=form) as response,
    ):
        assert (await response.json())["text"] == "David sent the message."


async def test_a_transcription_session_goes_through_the_proxy(proxy: str) -> None:
    async with connect(proxy, "/v1/realtime?model=live&intent=transcription", headers=_KEY) as session:
        transcription = {"model": "starter", "language": "en"}
        await session.update(type="transcription", audio={"input": {"transcription": transcription}})
        await session.until("session.updated")
        for part in base64_parts(pcm16(clip("eng_1.flac")) + pcm16(silence(1.0))):
            await session.send("input_audio_buffer.append", audio=part)
        done = await session.until("conversation.item.input_audio_transcription.completed")
        assert done["transcript"] == "David sent the message."


async def test_a_translation_session_goes_through_a_proxy_that_has_the_route(proxy: str) -> None:
    try:
        async with connect(proxy, f"{TRANSLATIONS}?model=live", headers=_KEY) as session:
            await session.open("es")
            await session.append(pcm16(clip("eng_1.flac")))
            await session.send("session.close")
            await session.to_the_end()
            assert session.text() == "David envió el mensaje."
    except aiohttp.WSServerHandshakeError as error:
        if error.status not in (403, 404):
            raise
        pytest.skip("this LiteLLM has no route for realtime translation")
