"""The first 45 minutes on a GPU: its probes run with few packages, and none takes others with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.bench import SIZES, Bench
from benchmarks.gpu.first import __main__ as command
from benchmarks.gpu.first.probes import FILE, LeftOut, Recorder
from benchmarks.gpu.first.short_texts import WordlessTokenizer
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.runner.warm_up import WarmUp

pytestmark = pytest.mark.timeout(600)  # half a minute of one quiet core

_ROOT = Path(__file__).parents[2]
_BARE = """
import importlib.machinery, importlib.metadata, re, runpy, sys

def closure(names):
    known, left = set(), list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in known:
            continue
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        known.add(name)
        left += [re.match(r"[A-Za-z0-9._-]+", each)[0] for each in requires if "extra ==" not in each]
    return known

there = closure(["torch", "transformers", "numpy"])
packages = importlib.metadata.packages_distributions()
canonical = lambda name: re.sub(r"[-_.]+", "-", name).lower()
absent = {top for top, owners in packages.items() if not {canonical(each) for each in owners} & there}
absent -= {"translate_svc", "benchmarks", "tests"}
assert {"soundfile", "grpc", "pytest", "sentencepiece", "soxr", "prometheus_client"} <= absent, absent

class Bare(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else super().find_spec(name, path, target)

finders = [f for f in sys.meta_path if "Editable" not in str(f) and f is not importlib.machinery.PathFinder]
sys.meta_path[:] = [*finders, Bare]
sys.path.insert(0, "")
runpy.run_module("benchmarks.gpu.first", run_name="__main__")
"""


def lines_of(folder: Path) -> dict[str, dict[str, Any]]:
    lines = map(json.loads, (folder / FILE).read_text().splitlines())
    return {line["probe"]: line for line in lines}


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, dict[str, Any]]:
    words = ["first", "--results", str(folder), "--size", "small", *arguments]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as exited:
        command.main()
    lines = lines_of(folder)
    assert exited.value.code == 0, lines
    return lines


@pytest.mark.slow
def test_it_needs_torch_transformers_and_numpy_alone(tmp_path: Path) -> None:
    options = ["--results", str(tmp_path), "--size", "small", "--device", "cpu", "--part", "A", "B", "E"]
    ran = subprocess.run(
        [sys.executable, "-c", _BARE, *options, "--seconds", "300"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, (ran.stderr[-2000:], ran.stdout[-2000:])
    lines = lines_of(tmp_path)
    assert "soundfile" in lines["tests"]["left_out"], "what needs more says what it lacks"
    assert list(lines)[-1] == "tests", "and comes last"
    assert lines["decode graph"]["figures"]["tokens that differ"] == 0
    said = " ".join(lines["capture"]["figures"]["said"])
    assert "captured 9 of 9 decode steps" in said
    assert "could not be captured" in said, "what is refused is told"
    stages = ("encoder", "decode step", "text-to-unit", "vocoder")
    assert set(lines["kernels"]["figures"]) == {
        f"{each}, {much}" for each in stages for much in ("least", "most")
    }


@pytest.mark.slow
def test_single_kernels_and_faults_are_tried_on_the_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = run(tmp_path, monkeypatch, "--device", "standin", "--part", "A", "F")
    assert lines["fault: item error"]["figures"] == {"exit code": 0, "failed": [2]}
    assert "CUDA" in lines["fault: out of memory"]["left_out"]
    precision = lines["vocoder, TF32 and bfloat16"]["figures"]
    assert 0 < precision["bfloat16, worst difference"] < precision["largest sample"]


@pytest.mark.slow
def test_live_streams_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run(tmp_path, monkeypatch, "--device", "cpu", "--part", "D")
    assert len(lines) == 3
    assert all(line["figures"]["answers"] >= 1 for line in lines.values())


@pytest.mark.slow
def test_callers_of_a_server_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run(tmp_path, monkeypatch, "--device", "cpu", "--part", "G", "--seconds", "400")
    for name in ("starter, clips", "starter in float32, clips"):
        figures = lines[name]["figures"]
        assert figures["texts"] == figures["as expected"] == 9
        assert not figures["failed"]
    assert lines["published sizes, start"]["figures"]["front processes"] == 2
    crowds = [line["figures"] for name, line in lines.items() if name.endswith("callers")]
    assert len(crowds) == 3
    for crowd in crowds:
        assert crowd["streams"] == crowd["complete"] == crowd["texts"] == crowd["texts as alone"]
        assert crowd["first text, p50, ms"] < crowd["first sound, p50, ms"]
        assert not crowd["errors"]


@pytest.mark.slow
def test_a_server_of_random_weights_is_warmed_up(tmp_path: Path) -> None:
    """Which happens on a GPU alone, where it cannot be tried before."""
    bench = Bench(tmp_path, SIZES["small"], "cpu")
    engine = bench.engine
    limits = EngineLimits(max_slots=bench.size.slots)
    WarmUp(engine.runner, limits, WordlessTokenizer(), engine.capabilities)()


def test_a_failing_probe_takes_no_other_with_it(tmp_path: Path) -> None:
    now = [0.0]
    recorder = Recorder(tmp_path, clock=lambda: now[0])
    recorder.begin_part(10.0)

    def slow() -> dict[str, int]:
        now[0] += 11.0
        return {"value": 1}

    def lacks() -> dict[str, int]:
        raise LeftOut("lacks a card")

    assert not recorder.run("A", "fails", lambda: {"value": 1 // 0})
    assert "ZeroDivisionError" in lines_of(tmp_path)["fails"]["error"]
    assert recorder.run("A", "lacks", lacks)
    assert recorder.run("A", "slow", slow)
    assert recorder.run("A", "late", lambda: {"value": 2})
    lines = lines_of(tmp_path)
    assert lines["lacks"]["left_out"] == "lacks a card"
    assert lines["slow"]["figures"] == {"value": 1}
    assert lines["late"]["left_out"] == "no time", "no probe begins after the end of its part"
