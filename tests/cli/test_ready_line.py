"""The line by which scripts learn the port: both outputs in one file, and one that fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.cli.process import ROOT, STARTER, environment
from translate_svc.cli.commands.serve import READY_PREFIX

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="a pipe that keeps writes apart"),
]


def test_the_line_of_the_port_is_one_write() -> None:
    """A line of the log between the port and its end gave a port of nine digits."""
    reading, writing = os.pipe2(os.O_DIRECT)  # each read returns what one write wrote
    variables = environment({"PYTHONUNBUFFERED": "1"})
    server = subprocess.Popen(
        [sys.executable, "-m", "translate_svc", "serve", "--model", STARTER, "--port", "0"],
        stdout=writing,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=variables,
    )
    try:
        os.close(writing)
        first = os.read(reading, 4_096).decode()
        assert re.fullmatch(READY_PREFIX + r"127\.0\.0\.1:\d{1,5}\n", first)
    finally:
        server.kill()
        server.wait()
        os.close(reading)


@pytest.mark.parametrize(
    "reason", [pytest.param("No space left on device", marks=pytest.mark.slow), "Broken pipe"]
)
def test_a_server_that_cannot_say_where_it_listens_serves(reason: str) -> None:
    """A full disk, or a program that has read enough."""
    if reason == "Broken pipe":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open("/dev/full", os.O_WRONLY)
    server = subprocess.Popen(
        [sys.executable, "-m", "translate_svc", "serve", "--model", STARTER, "--port", "0"],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
        text=True,
    )
    try:
        os.close(writing)
        assert server.stderr is not None
        log = ""
        while "ready on" not in log:
            line = server.stderr.readline()
            assert line, log
            log += line
        assert f"standard output cannot be written: {reason}" in log
        server.send_signal(signal.SIGTERM)
        _, rest = server.communicate()
        assert server.returncode == 0
        assert "Exception ignored" not in rest
    finally:
        server.kill()
        server.wait()
