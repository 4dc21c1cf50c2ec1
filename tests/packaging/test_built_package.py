"""The built package holds all it needs: the starter, the demo's clips, the contract. It runs anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import NOTICE, ROOT
from tests.clips import sentences

DEMO = ROOT / "tests" / "data" / "demo_eng.flac"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as a build lays it out, far from the checkout."""
    folder = tmp_path_factory.mktemp("built")
    egg, build = tmp_path_factory.mktemp("egg"), tmp_path_factory.mktemp("base")
    subprocess.run(
        [
            *(sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", egg),
            *("build", "--build-base", build, "build_py", "--build-lib", folder),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


def run(
    built: Path, cwd: Path, *arguments: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command of the built package, as somebody who has no checkout runs it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANSLATE_SVC_")}
    libraries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    outside = [str(built), *(path for path in libraries if path and Path(path) != ROOT)]
    own = {
        "PYTHONPATH": os.pathsep.join(outside),
        "XDG_CACHE_HOME": f"{cwd}-cache",
        "XDG_STATE_HOME": "/dev/null",
    }
    return subprocess.run(
        [sys.executable, "-m", "translate_svc", *arguments],
        cwd=cwd,
        env=kept | own | {"HF_HUB_CACHE": f"{cwd}-hub"} | (variables or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_holds_the_model_the_clips_and_the_contract_and_no_second_copy_is_in_the_checkout(
    built: Path,
) -> None:
    package = built / "translate_svc"
    starter = ROOT / "model_cache" / "starter"
    copied = {path.name: path.read_bytes() for path in (package / "data" / "models" / "starter").iterdir()}
    assert copied == {path.name: path.read_bytes() for path in starter.iterdir()}
    clips = {path.name for path in (package / "data" / "demo").iterdir()}
    assert clips == {"clips.json", *(f"demo_{code}.flac" for code in ("eng", "spa", "fra", "deu"))}
    proto = "v1/speech_translation.proto"
    assert (package / proto).read_bytes() == (ROOT / "protos" / "translate_svc" / proto).read_bytes()
    assert (package / "py.typed").is_file()
    assert not (ROOT / "translate_svc" / "data" / "models").exists()


def test_it_translates_in_any_folder(built: Path, tmp_path: Path) -> None:
    done = run(built, tmp_path, "translate", str(DEMO), "--from", "en", "--to", "es")
    assert (done.returncode, done.stderr) == (0, NOTICE)
    assert [line[18:] for line in done.stdout.splitlines()] == [
        each["translation"] for each in sentences("demo_eng")
    ]
    listed = json.loads(run(built, tmp_path, "models", "--json").stdout)
    assert [each["name"] for each in listed] == ["starter"]
    assert not list(tmp_path.iterdir()), "nothing was written into the folder"


def test_models_are_pulled_into_the_user_s_cache(built: Path, tmp_path: Path) -> None:
    def cache(**variables: str) -> str:
        program = "from translate_svc.config import Settings; print(Settings.load({}).model_cache)"
        kept = os.environ | {"PYTHONPATH": f"{built}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=kept | variables,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    assert cache(XDG_CACHE_HOME=str(tmp_path)) == str(tmp_path / "translate-svc" / "models")
    assert cache(TRANSLATE_SVC_MODEL_CACHE="/models") == "/models"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_in_a_fresh_environment_shows_the_demo_translates_and_serves(tmp_path: Path) -> None:
    """The environment sees this environment's libraries, but not the checkout."""
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # of an earlier build, with files that are gone
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    flags = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([*pip, "wheel", *flags, str(ROOT)], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("translate_svc-*.whl")
    fresh = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    python = fresh / "bin" / "python"
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True, env=bare)
    (site_packages,) = fresh.glob("lib/python*/site-packages")
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "libs")]
    (site_packages / "libraries.pth").write_text("\n".join(libraries))
    folder = tmp_path / "anywhere"
    folder.mkdir()

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [fresh / "bin" / "translate-svc", *arguments],
            cwd=folder,
            env=bare | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_STATE_HOME": "/dev/null"},
            capture_output=True,
            text=True,
            check=False,
        )

    where = subprocess.run(
        [python, "-c", "import translate_svc; print(translate_svc.__file__)"],
        cwd=folder,
        env=bare,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(fresh)
    demo = command("demo")
    assert (demo.returncode, "The texts are the expected ones." in demo.stdout) == (0, True), demo.stderr
    assert (folder / "demo_out.spa.wav").stat().st_size > 10_000
    translated = command("translate", str(DEMO), "--from", "en", "--to", "es", "-o", "dub.wav")
    assert (translated.returncode, translated.stderr) == (0, NOTICE)
    assert (folder / "dub.wav").stat().st_size > 10_000
