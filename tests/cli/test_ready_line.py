"""The line by which scripts learn the port, where both outputs go to one file, unbuffered."""

from __future__ import annotations

import os
import re
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
