"""``translate-svc demo``: what it shows, what it keeps, and when it is content."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.cli.process import STARTER
from tests.clips import DATA, entries, texts
from tests.whisper_checkpoints import whisper_folder
from translate_svc.audio.files import read_audio
from translate_svc.cli.commands.demo import EventLog
from translate_svc.types import SampleRange, SpeechChunk, TextDelta

SOURCE = SampleRange(0, 1)


@pytest.mark.realtime
def test_the_demo_speaks_in_every_language_and_is_content_only_with_the_right_words(
    command: Command, tmp_path: Path
) -> None:
    code, output, error = command("demo", "--model", STARTER, "--output", str(tmp_path))
    assert "Traceback" not in error
    wanted = texts("demo_eng")
    events = json.loads((tmp_path / "demo_out.json").read_text(encoding="utf-8"))
    assert "opened" in events[0]
    assert events[-1]["closed"]["complete"] is True
    said = [each["translation"] for each in events if "translation" in each]
    for language in ("spa", "fra", "deu"):
        deltas = [each for each in said if each["language"] == language]
        numbers = sorted({int(each["utteranceId"]) for each in deltas})
        parts = ["".join(each["delta"] for each in deltas if each["utteranceId"] == str(n)) for n in numbers]
        assert " ".join(parts) == wanted[language]
        for text in parts:
            assert text in output, "what was said is shown, though there is no terminal"
        samples, _ = read_audio(tmp_path / f"demo_out.{language}.wav")
        assert np.abs(samples).max(initial=0.0) > 0.01, "there is something to hear"
    assert code == 0
    assert "\x1b" not in output, "no escapes where there is no terminal"
    for expected in ("speech started at", "after the last word", "English", "German", "demo_out.fra.wav"):
        assert expected in output


@pytest.mark.slow
def test_a_simultaneous_demo_speaks_before_the_clip_does_and_is_content_with_other_words(
    command: Command, tmp_path: Path
) -> None:
    """Its French reference is another sentence, which utterance mode would report as a failure."""
    entry = entries()["demo_eng"] | {"texts": texts("demo_eng") | {"fra": "Rien de tel."}}
    (tmp_path / "clips.json").write_text(json.dumps({"clips": [entry]}), encoding="utf-8")
    (tmp_path / "demo_eng.flac").write_bytes((DATA / "demo_eng.flac").read_bytes())
    arguments = ("--simultaneous", "--clips", str(tmp_path), "--output", str(tmp_path))
    code, output, error = command("demo", "--model", STARTER, *arguments)
    assert (code, "Traceback" in error) == (0, False)
    assert "fra is not the expected text: Rien de tel." in output
    rows = json.loads((tmp_path / "demo_out.json").read_text(encoding="utf-8"))
    end = next(index for index, row in enumerate(rows) if "speechEnded" in row)
    assert any(row.get("translation", {}).get("delta") for row in rows[:end])
    assert any(row["draft"]["held"] for row in rows[:end] if "draft" in row)


@pytest.mark.slow
def test_the_demo_says_what_it_did_not_expect(command: Command, tmp_path: Path) -> None:
    """With a listing whose French reference is another sentence, and spoken in another language."""
    entry = entries()["deu_1"] | {"file": "demo_deu.flac", "texts": texts("deu_1") | {"fra": "Rien de tel."}}
    (tmp_path / "clips.json").write_text(json.dumps({"clips": [entry]}), encoding="utf-8")
    (tmp_path / "demo_deu.flac").write_bytes((DATA / "deu_1.flac").read_bytes())
    arguments = ("--from", "German", "--clips", str(tmp_path), "--output", str(tmp_path))
    code, output, error = command("demo", "--model", STARTER, *arguments)
    assert (code, "Traceback" in error) == (1, False)
    assert "fra is not the expected text: Rien de tel." in output
    assert "spa is not" not in output
    assert (tmp_path / "demo_out.eng.wav").stat().st_size > 10_000


def test_a_language_without_a_recording_is_refused_by_its_name(command: Command) -> None:
    code, output, error = command("demo", "--from", "zh")
    assert (code, output) == (2, "")
    assert error == "translate-svc: --from: there is no recording in Mandarin Chinese (cmn)\n"


def test_a_folder_that_is_absent_is_told_before_a_server_starts(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "absent"
    code, output, error = command("demo", "--model", STARTER, "--output", str(folder))
    assert (code, output) == (1, ""), "nothing was started"
    assert error == f"translate-svc: {folder}/demo_out.spa.wav: its folder does not exist\n"


def test_a_recording_keeps_texts_apart_by_utterance_and_events_with_their_times(tmp_path: Path) -> None:
    recording = EventLog()
    for number, delta, transcript in ((1, "b", False), (0, "a", False), (0, " c", False), (0, "x", True)):
        recording.add(TextDelta(number, SOURCE, "spa", delta, False, transcript), 1.25)
    recording.add(SpeechChunk(0, SOURCE, "spa", 0, bytes(800), True, sample_count=400), 2)
    assert recording.full_text("spa", transcript=False) == "a c b"
    assert recording.full_text("spa", transcript=True) == "x"
    recording.save(tmp_path / "o.json")
    rows = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert rows[1]["atMs"] == 1.2
    assert rows[1]["translation"]["delta"] == "a"
    assert rows[-1]["audio"]["sampleCount"] == 400
    assert rows[-1]["audio"]["data"] == "", "the WAV file has it"


def test_a_model_without_voices_is_refused_before_a_server_starts(command: Command, tmp_path: Path) -> None:
    code, output, error = command("demo", "--model", str(whisper_folder("tiny")), "--output", str(tmp_path))
    assert (code, output) == (2, ""), "nothing was started"
    assert "--model: has no voice for spa, which the demo speaks" in error
    assert not list(tmp_path.iterdir())
