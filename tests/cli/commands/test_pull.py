"""``translate-svc pull`` and ``models`` as a person meets them: the command, a hub, a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.cli.conftest import Command
from tests.cli.process import ROOT, environment
from tests.fake_hub import COMMIT, FakeHub
from tests.published_layout import HUB_ID, build_published_layout
from translate_svc.cli.commands.pull import PullLines


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    folder = build_published_layout(tmp_path_factory.mktemp("hub") / "published")
    with FakeHub(folder, HUB_ID).serve() as serving:
        yield serving


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Filled by the first test that pulls; the others look at it."""
    return tmp_path_factory.mktemp("cache") / "models"


Told = Callable[..., tuple[int, str, str]]
"""Runs the command: exit code, standard output, standard error."""


def pull_at_a_terminal(hub: FakeHub, cache: Path, typed: str) -> subprocess.CompletedProcess[str]:
    """``typed`` is what a person types."""
    terminal, standard_input = pty.openpty()
    try:
        os.write(terminal, typed.encode())
        return subprocess.run(
            [sys.executable, "-m", "translate_svc", "pull", HUB_ID, "--model-cache", str(cache)],
            stdin=standard_input,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment({"HF_ENDPOINT": hub.endpoint}),
            check=False,
        )
    finally:
        os.close(standard_input)
        os.close(terminal)


@pytest.fixture
def told(hub: FakeHub, command: Command, monkeypatch: pytest.MonkeyPatch) -> Told:
    """The command in this process, without a terminal."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/nonexistent")
    return lambda *arguments: command(*arguments, variables={"HF_ENDPOINT": hub.endpoint})


def test_without_a_terminal_and_without_the_flag_nothing_is_downloaded(told: Told, cache: Path) -> None:
    code, output, error = told("pull", HUB_ID, "--model-cache", str(cache))
    assert code == 1
    assert "cc-by-nc-4.0; not for commercial use" in output
    assert error == "translate-svc: to accept the licence without a terminal: --accept-license\n"
    assert not cache.exists()


@pytest.mark.parametrize("typed", ["\n", "\x04"], ids=["return", "end of input"])
def test_at_a_terminal_no_is_the_answer_that_is_taken_for_granted(
    hub: FakeHub, cache: Path, typed: str
) -> None:
    done = pull_at_a_terminal(hub, cache, typed)
    assert (done.returncode, done.stderr) == (1, "")
    assert "Do you accept it? [y/N]" in done.stdout
    assert "Nothing was downloaded." in done.stdout
    assert not cache.exists()


def test_an_empty_revision_is_not_taken_for_main(told: Told, cache: Path) -> None:
    code, _, error = told("pull", HUB_ID, "--revision", "", "--model-cache", str(cache), "--accept-license")
    assert (code, error) == (2, "translate-svc: --revision: must be a branch, a tag or a commit\n")


def test_what_the_hub_refuses_is_one_line(told: Told, cache: Path) -> None:
    code, _, error = told("pull", "facebook/absent", "--model-cache", str(cache), "--accept-license")
    assert code == 1
    assert error.startswith("translate-svc: facebook/absent: is not on http://127.0.0.1")
    assert error.count("\n") == 1


def test_a_model_is_pulled_listed_and_verified(hub: FakeHub, told: Told, cache: Path) -> None:
    done = pull_at_a_terminal(hub, cache, "y\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"translate-svc serve --model {HUB_ID}" in done.stdout
    code, output, _ = told("pull", HUB_ID, "--model-cache", str(cache), "--accept-license")
    assert code == 0
    assert "Already in" in output

    listed, starter = json.loads(told("models", "--model-cache", str(cache), "--json")[1])
    assert starter["name"] == "starter", "it comes with the package"
    assert (listed["name"], listed["revision"], listed["license"]) == (HUB_ID, COMMIT, "cc-by-nc-4.0")
    assert (listed["speech_languages"], listed["verified"]) == (["eng", "spa"], "verified")

    folder = cache / "facebook--seamless-m4t-v2-large"
    code, _, error = told("models", "verify", HUB_ID, "--model-cache", str(cache))
    assert (code, error) == (0, "")
    weights = folder / "model-00002-of-00002.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    code, _, error = told("models", "verify", HUB_ID, "--model-cache", str(cache))
    assert code == 1
    assert error.startswith(f"translate-svc: {weights.name}: differs from its sha256")
    table = told("models", "--model-cache", str(cache))[1]
    assert "differs from its sha256" in " ".join(table.split())


def test_a_log_is_told_every_half_minute_how_far_a_pull_is(capsys: pytest.CaptureFixture[str]) -> None:
    times_s = iter((0.0, 10.0, 29.0, 31.0, 31.0, 40.0, 62.0, 62.0))
    lines = PullLines(9_000_000_000, lambda: next(times_s))
    for _ in range(5):
        lines.add(500_000_000)
    assert capsys.readouterr().out == "1.50 of 9.00 GB\n2.50 of 9.00 GB\n"


def test_a_model_that_was_not_pulled_is_told_with_the_command(told: Told, tmp_path: Path) -> None:
    code, _, error = told("serve", "--model", HUB_ID, "--model-cache", str(tmp_path))
    assert code == 1
    assert error.endswith(f"to download it: translate-svc pull {HUB_ID}\n")
    code, output, _ = told("models", "--model-cache", str(tmp_path))
    assert (code, "translate-svc pull" in output) == (0, True), "by the starter's notice"


def test_what_int8_alone_can_do_is_told_by_each_command(told: Told, tmp_path: Path) -> None:
    where = ("--model-cache", str(tmp_path))
    code, _, error = told("pull", HUB_ID, *where, "--accept-license", "--dtype", "int4")
    assert (code, "--dtype: must be int8" in error) == (2, True)
    assert told("pull", HUB_ID, *where, "--accept-license", "--dtype", "int8")[0] == 0
    code, output, _ = told("selftest", "--model", HUB_ID, *where)
    assert (code, "Nothing is compared:" in output) == (0, True)
    assert "were translated, with finite numbers throughout" in output
    assert "int8 on cpu: the model was pulled in int8 alone" in told("doctor", "--model", HUB_ID, *where)[1]
    for command in ("serve", "selftest"):
        code, _, error = told(command, "--model", HUB_ID, *where, "--dtype", "bfloat16")
        assert code
        assert "pull the model again without --dtype int8" in error
    clip = str(ROOT / "translate_svc" / "data" / "selftest" / "eng.flac")
    assert told("translate", clip, "--to", "spa", "--model", HUB_ID, *where)[0] == 0
