"""The client alone, as pip installs it without extras: what needs more says so, and names what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.process import ROOT, environment

_HIDDEN = """
import sys
sys.modules.update(dict.fromkeys({hidden!r}))
from translate_svc.__main__ import main
main()
"""
_SERVER_S = ("torch", "prometheus_client", "onnxruntime", "sentencepiece", "aiohttp", "safetensors")
_POSIX_S = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "uvloop")


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
    code, output, error = _run(_SERVER_S, *arguments)
    assert (code, output) == (2, "")
    assert error.startswith("translate-svc: --server: is needed: this is the client alone.")
    assert "pip install 'translate-svc[server]'" in error


def test_the_demo_says_what_is_missing_before_it_starts_anything() -> None:
    expected = "translate-svc: torch is missing: pip install 'translate-svc[server]'\n"
    assert _run(_SERVER_S, "demo") == (1, "", expected)


def test_the_client_imports_nothing_that_only_unix_has(server: str) -> None:
    code, output, error = _run(
        (*_SERVER_S, *_POSIX_S),
        *("translate", "tests/data/eng_1.flac", "--from", "en", "--to", "es", "--server", server),
        *("--json", "-", "--text"),
    )
    assert code == 0, error
    assert output.count("utteranceDone") == 1
