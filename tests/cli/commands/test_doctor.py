"""``translate-svc doctor``: the machine, and what each model would be on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.process import STARTER
from translate_svc import assembly
from translate_svc.cli import main
from translate_svc.cli.commands import doctor
from translate_svc.memory_limits import MemoryUse


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command in this process. Returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["translate-svc", "doctor", *arguments])
    monkeypatch.setenv("COLUMNS", "200")
    return main._run()


def test_without_a_model_it_tells_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("translate_svc.models.store.catalog.bundled_models", lambda: tmp_path / "none")
    monkeypatch.setattr("translate_svc.models.store.catalog.shared_models", list)
    assert run(monkeypatch, "--model-cache", str(tmp_path / "empty" / "cache")) == 0
    said = capsys.readouterr().out
    for line in ("processor: ", "memory: ", "disk: ", "GPU: "):
        assert line in said
    assert "No model is installed: translate-svc pull " in said


def test_a_small_model_translates_a_clip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--model", STARTER, "--max-slots", "3", "--dtype", "float32") == 0
    said = capsys.readouterr().out
    assert "float32 on cpu: as asked" in said
    assert "fits. With 3 slots it needs 0." in said
    assert " MB weights, " in said
    assert "translating a clip: " in said
    assert "live streams that speak without a pause" in said


def test_of_a_large_model_products_are_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "_SMALL_WEIGHTS", 0)
    assert run(monkeypatch, "--model", STARTER, "--dtype", "int8") == 0
    assert "at best, by its matrix products: 0." in capsys.readouterr().out


def test_what_does_not_fit_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for room in (doctor, assembly):
        monkeypatch.setattr(room, "memory_to_hold", lambda: MemoryUse("the control group", 0, 100_000_000))
    assert run(monkeypatch, "--model", STARTER) == 0
    said = capsys.readouterr().out
    assert "memory: 0.1 GB free, bounded by the control group" in said
    assert "does not fit: fewer --max-slots or a smaller --dtype. With 16 slots it needs 0." in said
    assert "real time" not in said


def test_what_is_no_model_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "--model", str(tmp_path)) == 1
    assert "config.json: is missing" in capsys.readouterr().err


def test_a_device_that_is_not_there_fails_by_its_flag(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--device", "cuda:77") == 1
    assert "translate-svc: --device: must be auto or one of this machine's" in capsys.readouterr().err


def test_among_others_a_broken_model_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    monkeypatch.setattr("translate_svc.models.store.catalog.shared_models", list)
    assert run(monkeypatch, "--model-cache", str(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "broken: config.json: is missing" in said
    assert "starter: float32 on cpu" in said
