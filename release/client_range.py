"""Installs the client alone with the oldest and with the newest packages allowed, and uses it.

    python -m release.client_range [--python PYTHON ...]

Each end gets a fresh environment from PyPI. There the wheel's client streams a clip to a server that runs in
this environment, and the command translates a file. A third environment takes the newest packages beside one
that asks for protobuf < 7, as several voice frameworks do. A fourth has the oldest packages with the extra
``media``, and writes a dub that FFmpeg encodes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from translate_svc.cli.backends.server_process import server_process

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT / "tests" / "data" / "demo_eng.flac"
STARTER = ROOT / "model_cache" / "starter"
PYTHONS = ("python3.11", "python3.12", "python3.13")
EXPECTED = "Mi mujer va a llamar a mi vecino esta noche."

_PROGRAM = """
import asyncio, sys
from importlib.metadata import version
import soundfile
from translate_svc.client import AsyncClient
from translate_svc.types import TextDelta

async def main(address, clip):
    samples, rate = soundfile.read(clip, dtype="float32")
    said = ""
    async with (
        AsyncClient(address) as client,
        client.stream(source="en", targets=["es"], sample_rate_hz=rate) as stream,
    ):
        stream.feed([samples])
        async for event in stream:
            if isinstance(event, TextDelta):
                said += event.delta
    print(said)
    print("; ".join(f"{name} {version(name)}" for name in ("protobuf", "grpcio", "numpy", "typer")))

asyncio.run(main(*sys.argv[1:]))
"""


def oldest(extra: str = "") -> list[str]:
    """The base requirements and those of ``extra``, each at its lower bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    required = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    return [str(Requirement(each)).replace(">=", "==") for each in required]


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout, in ``folder``."""
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # of an earlier build, with files that are gone
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", folder, ROOT], check=True, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check(python: str, name: str, packages: list[str], wheel: Path, address: str, folder: Path) -> None:
    """Installs ``wheel`` beside ``packages`` with ``python``, and translates with it; where PyAV is among
    them, to a dub as well.

    Raises:
        subprocess.CalledProcessError, AssertionError: it cannot be installed, or does not work.
    """
    environment = folder / f"{Path(python).name}-{name}"
    subprocess.run([python, "-m", "venv", environment], check=True)
    bare = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PIP_CONSTRAINT")}
    program = environment / "bin"
    pip: list[str | Path] = [
        program / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "--only-binary", ":all:", wheel, *packages], check=True, env=bare, cwd=folder)
    streamed, versions = subprocess.run(
        [program / "python", "-c", _PROGRAM, address, CLIP],
        check=True, env=bare, cwd=folder, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert streamed.startswith(EXPECTED), streamed
    translated = subprocess.run(
        [program / "translate-svc", "translate", CLIP, "--from", "en", "--to", "es", "--server", address],
        check=True, env=bare, cwd=folder, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert EXPECTED in translated, translated
    if any(each.startswith("av==") for each in packages):
        write_dub(program, address, environment, bare)
    print(f"{Path(python).name}, {name}: {versions}", flush=True)


def write_dub(program: Path, address: str, folder: Path, variables: dict[str, str]) -> None:
    """Has the command of ``program`` write a dub alone, and one as a track of a film.

    Raises:
        subprocess.CalledProcessError: it cannot.
    """
    command: list[str | Path] = [program / "translate-svc", "translate", CLIP, "--from", "en", "--to", "es"]
    for name in ("dub.mp3", "dub.webm"):
        subprocess.run(
            [*command, "--server", address, "-o", name],
            check=True,
            env=variables,
            cwd=folder,
            capture_output=True,
        )


async def run(pythons: list[str]) -> None:
    """Checks both ends, the neighbour and the extra ``media``, with each of ``pythons``."""
    ends = {
        "oldest": oldest(),
        "newest": [],
        "beside-protobuf-6": ["protobuf<7"],
        "oldest-media": oldest("media"),
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wheel = build_wheel(folder)
        async with server_process(["--model", str(STARTER)]) as address:
            for python in pythons:
                for name, packages in ends.items():
                    await asyncio.to_thread(check, python, name, packages, wheel, address, folder)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    installed = [python for python in PYTHONS if shutil.which(python)] or [sys.executable]
    parser.add_argument("--python", nargs="+", default=installed, help="default: those that are here")
    asyncio.run(run(parser.parse_args().python))


if __name__ == "__main__":
    main()
