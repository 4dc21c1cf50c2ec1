"""Part E: the tests of engine and models on the device. It needs what the tests need, and says what lacks."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from typing import Any

from benchmarks.gpu.first.place import Place
from benchmarks.gpu.first.probes import LeftOut

NEEDED = ("pytest", "pytest_asyncio", "pytest_timeout", "hypothesis", "soundfile", "soxr", "sentencepiece")
_TESTS = {"full": ("tests/engine", "tests/models"), "small": ("tests/models/test_placement.py",)}
_MAX_FAILURES = 30


def tests_on_the_device(place: Place) -> dict[str, Any]:
    """With TF32 off. The report of each test is in ``tests.xml`` beside the lines."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise LeftOut(f"lacks {', '.join(missing)}")
    report = place.recorder.folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not soak", f"--maxfail={_MAX_FAILURES}"]
    command += [f"--junitxml={report}", *_TESTS[place.size]]
    environment = os.environ | {"NVIDIA_TF32_OVERRIDE": "0"}
    if place.name != "cpu":
        environment["TEST_DEVICE"] = place.name
    # without the plugin that runs tests in parallel its option is not known
    if importlib.util.find_spec("xdist") is None:
        command += ["--override-ini", "addopts=-ra --strict-markers --strict-config"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=max(1.0, place.recorder.left_s),
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        said = (expired.stdout or b"").decode(errors="replace")
        return {"ended": "no time", "said": said[-2000:]}
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return {"exit code": done.returncode, "last line": done.stdout.strip()[-200:], "failed": failed}
