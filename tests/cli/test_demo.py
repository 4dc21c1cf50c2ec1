"""``translate-svc demo``: what it shows, what it keeps, and when it is content."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.cli.process import ROOT, STARTER, run
from translate_svc.audio.files import read_audio
from translate_svc.cli.demo_view import DemoView
from translate_svc.cli.recording import Recording
from translate_svc.types import (
    AudioFormat,
    Encoding,
    Opened,
    SampleRange,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
    TextDelta,
)

SOURCE = SampleRange(0, 1)
FORMAT = AudioFormat(Encoding.PCM_S16LE, 8_000)


def _clips() -> dict[str, dict[str, str]]:
    listing = json.loads((ROOT / "tests" / "data" / "clips.json").read_text(encoding="utf-8"))
    return {clip["file"]: clip for clip in listing["clips"]}


@pytest.mark.realtime
async def test_the_demo_speaks_both_ways_and_is_content_only_with_the_right_words(tmp_path: Path) -> None:
    code, output, error = await run("demo", "--model", STARTER, "--output", str(tmp_path))
    assert "Traceback" not in error
    wanted = _clips()
    content = []
    for stem, file in (("demo_out", "demo_eng.flac"), ("demo_out_back", "demo_spa.flac")):
        clip = wanted[file]
        events = json.loads((tmp_path / f"{stem}.json").read_text(encoding="utf-8"))
        assert (events[0]["event"], events[-1]["event"]) == ("Opened", "Closed")
        assert events[-1]["complete"] is True
        said = [each for each in events if each["event"] == "TextDelta" and not each["transcript"]]
        numbers = sorted({each["utterance_id"] for each in said})
        texts = ["".join(each["delta"] for each in said if each["utterance_id"] == n) for n in numbers]
        content.append(" ".join(texts) == clip["translation"])
        samples, _ = read_audio(tmp_path / f"{stem}.wav")
        assert np.abs(samples).max(initial=0.0) > 0.01, "there is something to hear"
        for text in texts:
            assert text in output, "what was said is shown, though there is no terminal"
    assert code == (0 if all(content) else 1)
    assert "\x1b" not in output, "no escapes where there is no terminal"
    assert "speech started at" in output
    assert "after the last word" in output


@pytest.mark.parametrize("terminal", [False, True])
def test_texts_grow_in_place_on_a_terminal_and_line_by_line_elsewhere(terminal: bool) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=200, highlight=False)
    with DemoView(console) as view:
        view.grow("a", 10, "eng  Good", "transcript")
        view.grow("a", 20, "eng  Good day", "transcript")
        view.settle()
        view.line(30, "utterance 0 ok")
    lines = screen.getvalue().splitlines()
    assert sum(line.rstrip().endswith("Good") for line in lines) == (0 if terminal else 1)
    assert any("Good day" in line for line in lines)
    assert any("utterance 0 ok" in line for line in lines)


def _opened() -> Opened:
    return Opened("s", StreamConfig(FORMAT, FORMAT, StreamSettings(())))


def test_a_recording_keeps_texts_and_speech_apart_by_utterance(tmp_path: Path) -> None:
    recording = Recording()
    recording.add(_opened(), 0)
    for number, delta, transcript in ((1, "b", False), (0, "a", False), (0, " c", False), (0, "x", True)):
        recording.add(TextDelta(number, SOURCE, "spa", delta, False, transcript), 1.25)
    for number, level in ((1, 200), (0, 100), (0, 100)):
        data = np.full(400, level, "<i2").tobytes()
        recording.add(SpeechChunk(number, SOURCE, "spa", 0, data, True), 2)
    assert recording.full_text("spa", transcript=False) == "a c b"
    assert recording.full_text("spa", transcript=True) == "x"
    recording.save("spa", tmp_path / "o.wav", tmp_path / "o.json")
    samples, rate_hz = read_audio(tmp_path / "o.wav")
    assert rate_hz == 8_000
    levels = np.rint(samples * 32_768).astype(int)
    pause = 8_000 * 300 // 1000
    assert len(levels) == 800 + pause + 400
    assert (levels[:800] == 100).all()
    assert (levels[800 + pause :] == 200).all()
    rows = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert rows[1]["at_ms"] == 1.2
    assert rows[-1]["data"] == {"bytes": 800}


def test_a_recording_of_nothing_is_an_empty_file(tmp_path: Path) -> None:
    recording = Recording()
    recording.add(_opened(), 0)
    recording.save("spa", tmp_path / "o.wav", tmp_path / "o.json")
    samples, _ = read_audio(tmp_path / "o.wav")
    assert len(samples) == 0
