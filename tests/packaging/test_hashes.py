"""constraints-hashes.txt has the versions of constraints.txt, and the image takes nothing without a hash."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from release.hashes import CONSTRAINTS, HASHES, entries

ROOT = Path(__file__).resolve().parents[2]
PINNED = entries((ROOT / CONSTRAINTS).read_text("utf-8"))
HASHED = entries((ROOT / HASHES).read_text("utf-8"))
TRUSTED = (
    "--index-url https://download.pytorch.org/whl/cpu -r /tmp/torch-cpu.txt",
    "--no-build-isolation --no-index .",
)
CUDA = re.compile(r"nvidia-(?!riva-client).*|cuda-.*|triton")


def test_both_files_have_the_same_versions() -> None:
    versions = {name: version for name, (version, _) in HASHED.items() if not CUDA.fullmatch(name)}
    pinned = {name: version for name, (version, _) in PINNED.items()}
    assert versions == pinned, "`python -m release.hashes make` writes the second file"
    assert len(pinned) > 200


def test_every_entry_has_hashes_and_nothing_else() -> None:
    for name, (_, entry) in HASHED.items():
        first, *hashes = entry.strip().split(" \\\n")
        assert re.fullmatch(r"[a-z0-9-]+==[^\s;]+( ; .+)?", first), name
        assert hashes, name
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", each) for each in hashes), name


def test_it_runs_without_the_project(tmp_path: Path) -> None:
    """As in the image, where nothing is installed yet."""
    (tmp_path / "release").mkdir()
    for name in ("release/hashes.py", HASHES):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-I", str(tmp_path / "release" / "hashes.py"), "pick"]
    done = subprocess.run([*command, "setuptools"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("setuptools==")
    failed = subprocess.run([*command, "left-pad"], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("hashes: left-pad")


def test_the_image_installs_nothing_without_a_hash() -> None:
    """But PyTorch for CPUs, whose index is its own, and the project itself."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text("utf-8"))
    installs = [each.strip() for each in re.findall(r"pip install [^&\n]*", text) if "--dry-run" not in each]
    assert len(installs) >= 4
    for each in installs:
        assert "--no-deps" in each, each
        assert "--require-hashes -r " in each or each.endswith(TRUSTED), each
