"""Builds the release, and checks it: ``python -m release`` (``make release``).

1. The version of pyproject.toml is the one that the manifests and the pages name.
2. sdist and wheel are built into ``dist/``, the wheel from the sdist.
3. ``twine check``; what must be inside is inside, what must not be is not.
4. The wheel is installed without extras into a fresh environment, from PyPI: the command and the client work
   there, and commands that need more say which extra.
5. The slow tests: the wheel in a fresh environment outside the checkout shows the demo and translates.
6. The image is built, and started once. Where no Docker daemon answers it is left out, which one line says.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from release.image import ImageFailed, daemon_answers
from release.image import build as build_image

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"

_WHEEL_HOLDS = (
    "translate_svc/py.typed",
    "translate_svc/data/seamless_m4t_v2_languages.csv",
    "translate_svc/data/models/starter/model.safetensors",
    "translate_svc/data/models/starter/README.md",
    "translate_svc/data/demo/clips.json",
    "translate_svc/data/demo/demo_eng.flac",
    "translate_svc/v1/speech_translation.proto",
    "translate_svc/v1/speech_translation_pb2.py",
)
_SDIST_HOLDS = (
    "setup.py",
    "LICENSE",
    "CHANGELOG.md",
    "model_cache/starter/model.safetensors",
    "tests/data/demo_eng.flac",
    "protos/translate_svc/v1/speech_translation.proto",
)
_WHEEL_FOLDERS = {"translate_svc"}
_MAX_WHEEL_BYTES = 25_000_000
_VERSIONED = {
    "k8s/overlays/*/kustomization.yaml": r"newTag: ([\d.]+)",
    "k8s/jobs/*/kustomization.yaml": r"newTag: ([\d.]+)",
    "docs/kubernetes.md": r"translate-svc:([\d.]+)-gpu",
    "Dockerfile": r"translate-svc(?:-starter)?:([\d.]+)",
}


def version() -> str:
    """The version of pyproject.toml.

    Raises:
        SystemExit: another file names another one.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    stated: str = project["version"]
    for pattern, expression in _VERSIONED.items():
        for path in ROOT.glob(pattern):
            for found in re.findall(expression, path.read_text("utf-8")):
                _require(found.rstrip(".") == stated, f"{path.relative_to(ROOT)} names {found}, not {stated}")
    return stated


def build() -> tuple[Path, Path]:
    """sdist and wheel in ``dist/``."""
    for folder in (DIST, ROOT / "build" / "lib"):
        shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST, ROOT])
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """What must be inside is inside; the wheel installs nothing beside the package.

    Raises:
        SystemExit: a file is missing or should not be there.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    _require_all(_WHEEL_HOLDS, names, wheel)
    folders = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    _require(folders == _WHEEL_FOLDERS, f"{wheel.name} installs {sorted(folders)}")
    _require(wheel.stat().st_size < _MAX_WHEEL_BYTES, f"{wheel.name} is larger than it should be")
    with tarfile.open(sdist) as source:
        inside = [name.partition("/")[2] for name in source.getnames()]
    _require_all(_SDIST_HOLDS, inside, sdist)
    stray = [name for name in inside if ".compiler" in name or name.endswith((".pyc", ".part"))]
    _require(not stray, f"{sdist.name} holds {stray[:3]}")


def check_without_extras(wheel: Path, stated: str) -> None:
    """The base installation, from PyPI.

    Raises:
        SystemExit: it does not work, or does not say what it lacks.
    """
    with tempfile.TemporaryDirectory() as temporary:
        environment = Path(temporary) / "bare"
        _run([sys.executable, "-m", "venv", environment])
        program = environment / "bin"
        left_out = ("PYTHONPATH", "PIP_CONSTRAINT")
        bare = {name: value for name, value in os.environ.items() if name not in left_out}
        pip: list[str | Path] = [
            program / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        _run([*pip, wheel], env=bare)

        def output(*arguments: str) -> tuple[int, str]:
            done = subprocess.run(
                [program / "translate-svc", *arguments],
                cwd=temporary, env=bare, capture_output=True, text=True, check=False,
            )  # fmt: skip
            return done.returncode, (done.stdout + done.stderr).strip()

        _require(output("--version") == (0, stated), "--version does not tell the version")
        _require(output("translate", "--help")[0] == 0, "the help does not work without extras")
        code, said = output("serve", "--port", "0")
        _require(code == 1 and said.endswith("pip install 'translate-svc[server]'"), f"serve: {said}")
        _run([program / "python", "-c", "import translate_svc.client, translate_svc.types"], env=bare)


def main() -> None:
    """The program."""
    stated = version()
    sdist, wheel = build()
    _run([sys.executable, "-m", "twine", "check", "--strict", sdist, wheel])
    check_contents(sdist, wheel)
    check_without_extras(wheel, stated)
    _run([sys.executable, "-m", "pytest", "-n", "0", "-q", "-m", "slow", ROOT / "tests" / "packaging"])
    if daemon_answers():
        try:
            print(build_image(stated))
        except ImageFailed as error:
            sys.exit(f"release: {error}")
    else:
        print("release: the image is left out: no Docker daemon answers", file=sys.stderr)
    for path in (sdist, wheel):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e6:.1f} MB")


def _run(command: Sequence[str | Path], env: dict[str, str] | None = None) -> None:
    if subprocess.run(command, cwd=ROOT, env=env, check=False).returncode:
        sys.exit(f"release: failed: {' '.join(map(str, command))}")


def _require_all(wanted: Iterable[str], names: Iterable[str], archive: Path) -> None:
    missing = sorted(set(wanted) - set(names))
    _require(not missing, f"{archive.name} lacks {', '.join(missing)}")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        sys.exit(f"release: {problem}")


if __name__ == "__main__":
    main()
