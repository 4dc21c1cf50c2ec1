"""The client alone, as pip installs it without extras: what needs more says so, and names what to install."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.cli.process import ROOT, environment

_HIDDEN = """
import sys
sys.modules.update(dict.fromkeys({hidden!r}))
from translate_svc.__main__ import main
main()
"""
_POSIX_S = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "uvloop")


@cache
def _extras_modules() -> tuple[str, ...]:
    """What this environment has beside the packages that the client brings: all that extras add."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    kept, new = {"translate-svc"}, list(project["dependencies"])
    while new:
        wanted = Requirement(new.pop())
        name = canonicalize_name(wanted.name)
        if name not in kept and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            kept.add(name)
            new += metadata.requires(name) or []
    return tuple(
        module
        for module, owners in metadata.packages_distributions().items()
        if module.isidentifier() and not kept & {canonicalize_name(each) for each in owners}
    )


def _run(hidden: tuple[str, ...], *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", _HIDDEN.format(hidden=hidden), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("languages",), ("say", "Hi.", "--from", "en", "--to", "es"), ("translate", "a.wav", "--to", "es")],
)
def test_without_a_server_its_flag_is_asked_for(arguments: tuple[str, ...]) -> None:
    code, output, error = _run(_extras_modules(), *arguments)
    assert (code, output) == (2, "")
    assert error.startswith("translate-svc: --server: is needed: this is the client alone.")
    assert "pip install 'translate-svc[server]'" in error


def test_a_file_that_is_not_there_is_named_before_any_package(server: str) -> None:
    code, output, error = _run(
        _extras_modules(), "translate", "missing.wav", "--from", "en", "--to", "es", "--server", server
    )
    assert (code, output, error.splitlines()[-1]) == (1, "", "translate-svc: missing.wav: no such file")


def test_the_command_starts() -> None:
    code, output, error = _run(_extras_modules(), "--help")
    assert (code, error) == (0, "")
    assert output.startswith("Usage: translate-svc ")


def test_the_demo_says_what_is_missing_before_it_starts_anything() -> None:
    expected = "translate-svc: torch is missing: pip install 'translate-svc[server]'\n"
    assert _run(_extras_modules(), "demo") == (1, "", expected)


def test_the_client_imports_nothing_that_only_unix_has(server: str) -> None:
    code, output, error = _run(
        (*_extras_modules(), *_POSIX_S),
        *("translate", "tests/data/eng_1.flac", "--from", "en", "--to", "es", "--server", server),
        *("--json", "-", "--text"),
    )
    assert code == 0, error
    assert output.count("utteranceDone") == 1
