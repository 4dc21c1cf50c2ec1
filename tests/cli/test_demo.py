"""``translate-svc demo``: what it shows, what it keeps, and when it is content."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.process import ROOT, STARTER, run
from translate_svc.audio.files import read_audio
from translate_svc.cli.recording import Recording
from translate_svc.types import SampleRange, SpeechChunk, TextDelta

SOURCE = SampleRange(0, 1)


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
        assert "opened" in events[0]
        assert events[-1]["closed"]["complete"] is True
        said = [each["translation"] for each in events if "translation" in each]
        numbers = sorted({int(each["utteranceId"]) for each in said})
        texts = ["".join(each["delta"] for each in said if each["utteranceId"] == str(n)) for n in numbers]
        content.append(" ".join(texts) == clip["translation"])
        samples, _ = read_audio(tmp_path / f"{stem}.wav")
        assert np.abs(samples).max(initial=0.0) > 0.01, "there is something to hear"
        for text in texts:
            assert text in output, "what was said is shown, though there is no terminal"
    assert code == (0 if all(content) else 1)
    assert "\x1b" not in output, "no escapes where there is no terminal"
    assert "speech started at" in output
    assert "after the last word" in output
    assert all(content)


def test_a_recording_keeps_texts_apart_by_utterance_and_events_with_their_times(tmp_path: Path) -> None:
    recording = Recording()
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
