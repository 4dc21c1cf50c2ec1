"""The measurement of the published size runs through with a tiny one, and says what it has no room for."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from benchmarks.full_size import sizes
from benchmarks.full_size.__main__ import measure, table
from benchmarks.full_size.parts import Bench
from benchmarks.gpu.bench import tiny_config
from translate_svc.memory_limits import MemoryUse

pytestmark = pytest.mark.timeout(600)  # eight processes that each import PyTorch
TINY = sizes.Size(tiny_config, slots=2, utterances=2, static_batches=(2,), one_s=1.5)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = sizes.checkpoint(tmp_path_factory.mktemp("full_size") / "tiny", TINY)
    return Bench(folder, TINY, ("bfloat16",), "float32", threads=1, rounds=1, minutes=0.05)


@pytest.mark.slow
def test_every_part_gives_figures(bench: Bench) -> None:
    parts: dict[str, Any] = {
        name: figures
        for name, _, figures in measure(bench, ["start", "precisions", "throughput", "live"], seconds=600)
    }
    assert 50 < parts["start"]["resident_mb"] <= parts["start"]["later_peak_mb"]
    assert parts["start"]["first_s"] > 0
    assert parts["precisions"]["decode step, ratio"] > 0
    for kind in ("alone, text", "text", "with speech"):
        compared = parts["throughput"][kind]
        best, ours = compared["transformers_s"][compared["best_batch"]], compared["ours_s"]
        rounded = 0.006  # seconds are given to the hundredth
        assert compared["ratio"] >= (best - rounded) / (ours + rounded) - 0.01
        assert compared["ratio"] <= (best + rounded) / max(ours - rounded, 0.001) + 0.01
    assert set(parts["throughput"]["text"]["transformers_s"]) == {1, 2}
    assert parts["throughput"]["with speech"]["stages_s"]["vocode"] > 0
    assert 1 <= parts["live"]["drafts"] <= parts["live"]["steps"]
    assert "| text ratio | " in table("throughput", parts["throughput"])


def test_the_weights_are_made_once(bench: Bench) -> None:
    before = {path: path.stat().st_mtime_ns for path in bench.folder.iterdir()}
    assert sizes.checkpoint(bench.folder, TINY) == bench.folder
    assert {path: path.stat().st_mtime_ns for path in bench.folder.iterdir()} == before


def test_what_memory_has_no_room_for_is_left_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "memory_to_hold", lambda: MemoryUse("the machine", 0, 700_000_000))
    ((_, _, told),) = measure(bench, ["throughput"], seconds=60)
    assert isinstance(told, str)
    assert told.startswith("ours in bfloat16 and transformers in float32: ")
    assert told.endswith("the machine has 0.7 GB")


def test_what_time_has_no_room_for_is_left_out(bench: Bench) -> None:
    assert [each for *_, each in measure(bench, ["start", "live"], seconds=-1)] == ["no time is left"] * 2


def test_a_short_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 0))
    with pytest.raises(RuntimeError, match=r"of disk, 0\.0 GB are free"):
        sizes.checkpoint(tmp_path / "none", TINY)
