"""Runs the tests on every Python that is supported: ``python -m release.matrix`` (``make matrix``).

    python -m release.matrix [--python 3.12 ...] [-- ARGUMENT OF PYTEST ...]

Each Python gets an environment in ``build/matrix`` with the pinned versions, from PyPI. An environment has
6 GB, because PyPI's PyTorch brings CUDA; uv shares the files between them. Interpreters are those of this
machine, or of pyenv; uv downloads the others, from GitHub. Without arguments all tests run that ``make test``
runs.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "matrix"

_VERSION = r"Programming Language :: Python :: (3\.\d+)"
_USUAL = ("-m", "not soak and not slow and not gpu")


def supported() -> list[str]:
    """The Pythons of the classifiers: ``3.11``, ``3.12``, ..."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [found[1] for each in project["classifiers"] if (found := re.fullmatch(_VERSION, each))]


def interpreter(version: str) -> str:
    """A Python of this machine; ``version`` itself if there is none, which uv then downloads."""
    return next((str(path) for path in _candidates(version) if _runs(path, version)), version)


def _candidates(version: str) -> Iterator[Path]:
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)


def _runs(path: Path, version: str) -> bool:
    """Whether it is that Python. A shim of pyenv may stand for none."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def environment(version: str) -> Path:
    """The Python of an environment with all that the tests need, as the constraints pin it.

    Raises:
        subprocess.CalledProcessError: there is no such Python, or a package cannot be had. uv has said why.
    """
    folder = FOLDER / version
    uv: list[str | Path] = [sys.executable, "-m", "uv"]
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run(
            [*uv, "venv", "--quiet", "--seed", "--python", interpreter(version), folder], check=True
        )
    pins = FOLDER / "constraints.txt"
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines(keepends=True)
    pins.write_text("".join(line for line in lines if not line.startswith("pip==")), encoding="utf-8")
    install: list[str | Path] = [*uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, "-c", pins, "setuptools"], check=True)
    subprocess.run(
        [*install, "--no-build-isolation-package", "translate-svc", "-c", pins, "-e", f"{ROOT}[dev]"],
        check=True,
    )
    return python


def test(version: str, arguments: Sequence[str]) -> bool:
    """Installs and runs the tests on one Python. Returns whether they passed."""
    python = environment(version)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([python, "-m", "pytest", *arguments], cwd=ROOT, env=kept, check=False)
    return done.returncode == 0


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", nargs="+", default=supported(), metavar="VERSION")
    parser.add_argument("arguments", nargs="*", help="of pytest, after --")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    workers = ("-n", os.environ.get("WORKERS", "2"))
    failed = []
    for version in given.python:
        print(f"Python {version}", flush=True)
        if not test(version, given.arguments or [*workers, *_USUAL]):
            failed.append(version)
    sys.exit(f"failed on Python {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
