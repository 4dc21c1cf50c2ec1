"""OpenAI's package for Node.js, unmodified, against the HTTP server with the starter checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.certificates import Authority
from tests.gateway.clients import clip, pcm16
from tests.interop.npm import ROOT, install, node_json
from translate_svc.config import Settings
from translate_svc.gateway.server import GatewayServer
from translate_svc.gateway.tls import server_context
from translate_svc.service import Service
from translate_svc.serving.tls_files import TlsFiles

# the timeout counts the loading of the model and npm, which take their time on a busy machine
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

FOLDER = Path(__file__).parent / "openai_node"
CLIP = "demo_eng.flac"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What every scenario came to. With TLS: the package opens no WebSocket without it."""
    install(FOLDER)
    folder = tmp_path_factory.mktemp("openai")
    authority = Authority(folder)
    issued = authority.issue("server")
    tls = server_context(TlsFiles(issued.certificate, issued.key))
    (folder / "clip.pcm").write_bytes(pcm16(clip(CLIP)))
    files = (str(ROOT / "tests" / "data" / CLIP), str(folder / "clip.pcm"))
    async with (
        Service.start(Settings(max_streams=4)) as service,
        GatewayServer(service, tls=tls) as server,
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NODE_EXTRA_CA_CERTS", str(authority.ca))
            outcome = await node_json(FOLDER / "scenarios.mjs", f"{server.target}/v1", *files)
        assert (server.live_streams, service.live_sessions) == (0, 0)
        return outcome


async def test_files_are_translated_and_transcribed(results: Any) -> None:
    assert results["models"] == ["starter"]
    assert "vecino" in results["translated"]
    assert results["subtitles"].startswith("WEBVTT\n")
    assert results["streamed"]["kinds"] == ["transcript.text.delta", "transcript.text.done"]
    assert "neighbor" in results["streamed"]["text"]


async def test_errors_are_those_of_the_package(results: Any) -> None:
    wrong = {"status": 400, "code": "invalid_value", "param": "response_format", "type": "BadRequestError"}
    assert results["wrong_format"] == wrong
    unknown = {"status": 404, "code": "model_not_found", "param": "model", "type": "NotFoundError"}
    assert results["unknown_model"] == unknown


async def test_a_page_translates_with_a_client_secret(results: Any) -> None:
    outcome = results["translation"]
    assert (outcome["code"], outcome["protocol"]) == (1000, "realtime")
    assert "error" not in outcome["kinds"]
    assert "vecino" in outcome["text"]
    assert outcome["speech_bytes"] > 2 * 24_000 * 2


async def test_a_transcription_session(results: Any) -> None:
    assert results["transcription"]["errors"] == []
    assert "neighbor" in results["transcription"]["transcript"]
