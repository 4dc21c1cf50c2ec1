"""The packages in ``integrations/``, each with its framework from PyPI and a real server.

The frameworks pin other packages than this project, so each one is in an environment of its own, which
``make integrations`` makes. Without it, and without the framework beside us, the test is skipped and says so.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.process import ROOT, environment, serving
from translate_svc.cli.commands.serve import READY_PREFIX

_FRAMEWORKS = {"livekit": "livekit.agents", "pipecat": "pipecat"}


def _python(name: str) -> str | None:
    """An interpreter that can import the framework."""
    own = ROOT / "build" / "integrations" / name / "bin" / "python"
    if own.exists():
        return str(own)
    try:
        return sys.executable if find_spec(_FRAMEWORKS[name]) else None
    except ModuleNotFoundError:
        return None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(_FRAMEWORKS))
async def test_the_integration_works_with_its_framework(name: str) -> None:
    python = _python(name)
    if python is None:
        pytest.skip(f"{_FRAMEWORKS[name]} is not installed; `make integrations` installs and tests it")
    package = ROOT / "integrations" / name
    async with serving("--http", "127.0.0.1:0") as (server, _):
        assert server.stdout is not None
        line = (await server.stdout.readline()).decode()
        variables = {
            "TRANSLATE_SVC_HTTP": line.removeprefix(READY_PREFIX).strip(),
            "PYTHONPATH": str(package),
        }
        tests = await asyncio.create_subprocess_exec(
            python, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            cwd=package, env=environment() | variables,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await tests.communicate()
    assert tests.returncode == 0, output.decode()


def test_every_package_here_is_tested() -> None:
    assert {each.name for each in Path(ROOT, "integrations").iterdir() if each.is_dir()} == set(_FRAMEWORKS)
    for name in _FRAMEWORKS:
        files = {path.name for path in Path(ROOT, "integrations", name).iterdir()}
        assert {"README.md", "pyproject.toml", "example.py", "tests"} <= files
