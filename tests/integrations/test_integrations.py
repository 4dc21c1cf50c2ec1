"""The packages in ``integrations/``, each with its framework from PyPI and a real server.

The frameworks pin other packages than this project, so each one is in an environment of its own, which
``make integrations`` makes. Without it, and without the framework beside us, the test is skipped and says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.cli.process import ROOT, environment, serving
from translate_svc.audio.codecs.g711 import from_mulaw
from translate_svc.audio.pcm import from_s16
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.gateway.telephone.media_streams import MediaStreams, TelnyxStreams
from translate_svc.telephone.call_events import CallAudio

_FRAMEWORKS = {"livekit": "livekit.agents", "meeting": "aiortc", "pipecat": "pipecat"}

TWILIO_START = {
    "event": "start", "streamSid": "MZ1",
    "start": {"mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}},
}  # fmt: skip
TELNYX_START = {
    "event": "start", "stream_id": "s",
    "start": {"media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}},
}  # fmt: skip


def _python(name: str) -> str | None:
    """An interpreter that can import the framework."""
    own = ROOT / "build" / "integrations" / name / "bin" / "python"
    if own.exists():
        return str(own)
    try:
        return sys.executable if find_spec(_FRAMEWORKS[name]) else None
    except ModuleNotFoundError:
        return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(_FRAMEWORKS))
async def test_the_integration_works_with_its_framework(name: str) -> None:
    python = _python(name)
    if python is None:
        pytest.skip(f"{_FRAMEWORKS[name]} is not installed; `make integrations` installs and tests it")
    if name == "meeting" and shutil.which("janus") is None:
        pytest.skip("Janus is not installed: apt-get install janus")
    package = ROOT / "integrations" / name
    async with serving("--http", "127.0.0.1:0") as (server, address):
        assert server.stdout is not None
        line = (await server.stdout.readline()).decode()
        variables = {
            "TRANSLATE_SVC_HTTP": line.removeprefix(READY_PREFIX).strip(),
            "TRANSLATE_SVC_SERVER": address,
            "PYTHONPATH": f"{package}{os.pathsep}{ROOT}",
        }
        tests = await asyncio.create_subprocess_exec(
            python, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            cwd=package, env=environment() | variables,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await tests.communicate()
    assert tests.returncode == 0, output.decode()


async def test_pipecats_serializers_of_telephones_agree() -> None:
    """What we send to a provider they read as sound, and the other way round; they interrupt as we do."""
    python = _python("pipecat")
    if python is None:
        pytest.skip("pipecat is not installed; `make integrations` installs and tests it")
    codes = bytes(range(256))
    twilio, telnyx = MediaStreams(), TelnyxStreams()
    for dialect, start in ((twilio, TWILIO_START), (telnyx, TELNYX_START)):
        dialect.read(json.dumps(start))
    script = ROOT / "integrations/pipecat/tests/telephone_serializers.py"
    process = await asyncio.create_subprocess_exec(
        python, str(script), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(json.dumps([twilio.media(codes), telnyx.media(codes)]).encode())
    for dialect, theirs in zip((twilio, telnyx), json.loads(output), strict=True):
        assert np.array_equal(from_s16(np.array(theirs["heard"])), from_mulaw(np.arange(256, dtype=np.uint8)))
        (heard,) = dialect.read(theirs["media"])
        assert isinstance(heard, CallAudio)
        assert (
            from_mulaw(np.frombuffer(heard.data, np.uint8)).tolist()
            == from_mulaw(np.arange(256, dtype=np.uint8)).tolist()
        )
        assert json.loads(theirs["clear"]) == json.loads(dialect.clear())


def test_every_package_here_is_tested() -> None:
    assert {each.name for each in Path(ROOT, "integrations").iterdir() if each.is_dir()} == set(_FRAMEWORKS)
    for name in _FRAMEWORKS:
        files = {path.name for path in Path(ROOT, "integrations", name).iterdir()}
        assert {"README.md", "pyproject.toml", "example.py", "tests"} <= files
