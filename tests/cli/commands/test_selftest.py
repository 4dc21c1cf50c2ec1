"""``translate-svc selftest``: a table, a verdict, and an exit code."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import torch

from tests.checkpoints import checkpoint_folder
from tests.cli.process import STARTER
from tests.clips import texts
from translate_svc.cli import main
from translate_svc.cli.commands import selftest
from translate_svc.models.selftest import comparison


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, columns: str = "200") -> int:
    """The command in this process, which has loaded torch already. Returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["translate-svc", "selftest", *arguments])
    monkeypatch.setenv("COLUMNS", columns)
    return main._run()


def test_a_sound_model_is_equal_and_its_languages_and_times_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--model", STARTER, columns="80") == 0
    said = capsys.readouterr().out
    assert "licence apache-2.0: " in said
    assert "M parameters; 4 languages in text, 4 in speech, 8 voices" in said
    assert "Computing in float32 on cpu." in said
    for text in (texts("eng_1")["fra"], texts("spa_1")["eng"], "¿Dónde está la estación?"):
        assert text in said
    assert "text_to_unit" in said
    assert "samples within 0.0001" in said
    assert "All 10 are equal, 10 of them in speech." in said


def test_a_broken_weight_ends_it_with_one_and_the_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    really = comparison.new_model

    def damaged(*arguments: Any) -> Any:
        model: Any = really(*arguments)
        with torch.no_grad():
            model.speech.vocoder.hifi_gan.conv_pre.weight[0] *= 1.5
        return model

    monkeypatch.setattr(comparison, "new_model", damaged)
    monkeypatch.setattr(selftest, "_CLIPS", ("eng",))
    monkeypatch.setattr(selftest, "_TEXTS", ())
    assert run(monkeypatch, "--model", STARTER) == 1
    said = capsys.readouterr().out
    assert said.count("vocoder: sample") == 3
    assert "3 of 3 differ." in said


def test_languages_without_speech_are_compared_in_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(selftest, "_CLIPS", ("spa",))
    assert run(monkeypatch, "--model", str(checkpoint_folder("published"))) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:3] for row in rows if row[1:2] in (["speech"], ["text"])] == [
        ["spa", "speech", "eng"],
        ["spa", "speech", "spa"],
        ["spa", "speech", "fra"],
        ["eng", "text", "spa"],
        ["eng", "text", "fra"],
        ["spa", "text", "eng"],
        ["spa", "text", "fra"],
    ]
    assert all(row[5:8] == ["-"] * 3 for row in rows if row[2:3] == ["fra"])


def test_a_device_that_is_not_there_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--model", STARTER, "--device", "tpu") == 2
    assert capsys.readouterr().err == (
        "translate-svc: --device: must be auto or one of this machine's: cpu\n"
    )


@pytest.mark.slow
def test_int8_is_compared_with_float32_token_by_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--model", STARTER, "--dtype", "int8") == 0
    said = capsys.readouterr().out
    found = re.search(r"(\d+) of (\d+) next tokens are those of transformers", said)
    assert found is not None
    agreeing, steps = map(int, found.groups())
    assert steps > 50
    assert agreeing >= 0.97 * steps
