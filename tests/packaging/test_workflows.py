"""The files in .github are what GitHub accepts, and what they run exists."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.matrix import interpreter, supported
from tests.cli.process import ROOT
from tests.docs.code_index import make_targets

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")


def complaint(schema: str, *files: Path) -> str:
    """What GitHub's schema, as check-jsonschema ships it, says against files; empty if nothing."""
    program = Path(sys.executable).with_name("check-jsonschema")
    command: list[str | Path] = [program, "--builtin-schema", f"vendor.github-{schema}", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def runs(workflow: Path) -> list[str]:
    jobs: dict[str, Any] = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]
    return [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]


def test_github_accepts_them(tmp_path: Path) -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"]
    assert not complaint("workflows", *WORKFLOWS)
    assert FORMS
    assert not complaint("issue-forms", *FORMS)
    wrong = tmp_path / "ci.yml"
    wrong.write_text(WORKFLOWS[0].read_text("utf-8").replace("runs-on", "runs_on"), encoding="utf-8")
    assert "runs_on" in complaint("workflows", wrong)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_they_run_exists(workflow: Path) -> None:
    commands = runs(workflow)
    wanted = {target for command in commands for target in re.findall(r"\bmake (\w+)", command)}
    assert wanted <= make_targets()
    assert ".ci/run" in commands
    for module in re.findall(r"-m (\S+)", "\n".join(commands)):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file() or importlib.util.find_spec(module)
    for path in re.findall(r"\btests/\S+", "\n".join(commands)):
        assert (ROOT / path).exists(), path


def test_the_release_does_what_make_release_does_and_publishes_it_alone() -> None:
    jobs = yaml.safe_load((GITHUB / "workflows" / "release.yml").read_text("utf-8"))["jobs"]
    assert any("make release" in each for each in runs(GITHUB / "workflows" / "release.yml"))
    publish = jobs["publish"]
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}, "a trusted publisher: no token is kept"
    assert not [step for step in publish["steps"] if "run" in step]


def test_the_matrix_has_every_python_that_is_promised_and_finds_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert supported() == ["3.11", "3.12", "3.13"]
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable)
    assert interpreter(own) == sys.executable
    assert interpreter("3.99") == "3.99", "another Python than the name says is not taken"
