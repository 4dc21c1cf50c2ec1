"""Google's package for JavaScript, unmodified, against the HTTP server with the starter checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.clips import texts
from tests.gateway.gemini.clients import pcm_16k
from tests.interop.npm import install, node_json
from translate_svc.config import Settings
from translate_svc.gateway.server import GatewayServer
from translate_svc.service import Service

# the timeout counts the loading of the model and npm, which take their time on a busy machine
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

FOLDER = Path(__file__).parent / "gemini_node"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What every scenario came to. Without TLS, which this package can do."""
    install(FOLDER)
    recording = tmp_path_factory.mktemp("gemini") / "clip.pcm"
    recording.write_bytes(pcm_16k("eng_2.flac"))
    async with Service.start(Settings(max_streams=4)) as service, GatewayServer(service) as server:
        return await node_json(FOLDER / "scenarios.mjs", server.target, str(recording))


async def test_speech_is_translated(results: Any) -> None:
    for name in ("first", "resumed"):
        assert results[name]["said"] == texts("eng_2")["eng"]
        assert results[name]["translated"] == texts("eng_2")["spa"]
        assert results[name]["speech_bytes"] > 2 * 24_000
    assert results["first"]["handle"] != results["resumed"]["handle"]


async def test_what_is_not_served_is_named(results: Any) -> None:
    assert results["refused"].endswith("(code 1007): setup.tools are not called by a translation")
