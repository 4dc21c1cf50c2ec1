"""Builds the image of the server for CPUs and checks it. The one for GPUs has the same stages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class ImageFailed(Exception):
    """The image cannot be built, or is not what it should be. The message says why."""


def daemon_answers() -> bool:
    """Whether Docker is installed and its daemon can be reached."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def build(version: str) -> str:
    """Builds the image and returns its name. It starts, knows its version, and runs as nobody.

    Raises:
        ImageFailed: it does not.
    """
    name = f"translate-svc:{version}-cpu"
    command = ["docker", "build", "--build-arg", "ACCELERATOR=cpu", "--tag", name, str(ROOT)]
    if subprocess.run(command, check=False).returncode:
        raise ImageFailed(f"failed: {' '.join(command)}")
    said = _output("run", "--rm", name, "--version")
    if said != version:
        raise ImageFailed(f"{name} says it is {said}")
    user = _output("run", "--rm", "--entrypoint", "id", name, "-u")
    if user in ("", "0"):
        raise ImageFailed(f"{name} runs as user {user or '?'}")
    return name


def _output(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
