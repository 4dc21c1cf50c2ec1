"""Part E: the tests of engine and models on the device. It needs what the tests need, and says what lacks."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from typing import Any

from benchmarks.gpu.first.place import Place
from benchmarks.gpu.first.probes import LeftOut

NEEDED = (
    "pytest",
    "pytest_asyncio",
    "pytest_timeout",
    "hypothesis",
    "jiwer",
    "sentencepiece",
    "soundfile",
    "soxr",
)
_TESTS = {"full": ("tests/engine", "tests/models"), "small": ("tests/models/test_placement.py",)}
_MAX_FAILURES = 60
_LEFT_CORES = 4
_REPORT_S = 10.0
_MARKED = "not soak and not slow and not hypothesis"


def tests_on_the_device(place: Place) -> dict[str, Any]:
    """With TF32 off. The report of each test is in ``tests.xml`` beside the lines."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise LeftOut(f"lacks {', '.join(missing)}")
    report = place.recorder.folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-m", _MARKED, f"--maxfail={_MAX_FAILURES}"]
    command += [f"--junitxml={report}", *_TESTS[place.size]]
    # what is installed there is not pinned, and may warn of other things
    command += ["--override-ini", "filterwarnings=default"]
    environment = os.environ | {"NVIDIA_TF32_OVERRIDE": "0"}
    if place.name != "cpu":
        environment["TEST_DEVICE"] = place.name
    if importlib.util.find_spec("xdist") is not None:
        command += ["-n", str(max(1, (os.cpu_count() or 1) - _LEFT_CORES))]
    else:
        command += ["--override-ini", "addopts=-ra --strict-markers --strict-config"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    ended = "by itself"
    try:
        said, _ = running.communicate(timeout=max(1.0, place.recorder.left_s - _REPORT_S))
    except subprocess.TimeoutExpired:
        ended = "no time"
        running.send_signal(signal.SIGINT)  # pytest reports what it has
        said = _last_words(running)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    (place.recorder.folder / "tests.log").write_text(said)
    return {
        "ended": ended,
        "exit code": running.returncode,
        "last line": said.strip()[-200:],
        "failed": failed,
    }


def _last_words(running: subprocess.Popen[str]) -> str:
    try:
        said, _ = running.communicate(timeout=_REPORT_S)
    except subprocess.TimeoutExpired:
        running.kill()
        said, _ = running.communicate()
    return said
