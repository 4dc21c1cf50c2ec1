"""How the outputs of ``translate`` and ``say`` show texts that the model is unsure of."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.conftest import Command
from tests.cli.process import STARTER
from translate_svc.cli.media.cue_sink import CueSink, TextStream
from translate_svc.cli.output.output_file import OutputFiles
from translate_svc.cli.output.sinks import STDOUT, JsonSink, TextSink
from translate_svc.cli.output.text_view import TextView
from translate_svc.types import (
    SampleRange,
    SessionEvent,
    StreamWarning,
    TextConfidence,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

OUTSIDE = "Volcanic ash grounded flights across the continent."
"""Nothing that the starter knows."""


def unsure_events() -> list[SessionEvent]:
    """Of an utterance of one second: a text that the model is unsure of, and two that it is sure of."""
    source = SampleRange(8_000, 16_000)
    confidences = (
        TextConfidence("spa", False, 0.314, True),
        TextConfidence("fra", False, 0.9, True),
        TextConfidence("eng", True, 0.95, True),
    )
    return [
        TextDelta(0, source, "spa", "uno", True, False),
        TextDelta(0, source, "fra", "deux", True, False),
        TextDelta(0, source, "eng", "one", True, True),
        StreamWarning("low_confidence", "unsure", 0, "spa"),
        StreamWarning("short_text", "is short", 0, "fra"),
        UtteranceDone(0, source, UtteranceStatus.OK, Usage(), confidences=confidences),
    ]


def test_a_text_that_the_model_is_unsure_of_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    screen = io.StringIO()
    with TextView(Console(file=screen, width=200), show_growth=False) as view:
        sink = TextSink(view, ["spa", "fra"], 8_000)
        for event in unsure_events():
            sink.write(event)
    assert screen.getvalue().splitlines() == [
        "00:00:01.00  eng  one",
        "00:00:01.00  spa  uno  (unsure: 0.31)",
        "00:00:01.00  fra  deux",
    ]
    assert capsys.readouterr().err == "fra: short_text: is short\n", "the mark says the rest"


def test_subtitles_mark_it_too(tmp_path: Path) -> None:
    streams = (TextStream("spa"), TextStream("fra"), TextStream("eng", transcript=True))
    sink = CueSink({each: [("srt", tmp_path / f"out.{each.language}.srt")] for each in streams}, 8_000)
    for event in unsure_events():
        sink.write(event)
    sink.finish(16_000)
    said = {path.name: path.read_text("utf-8").splitlines()[2] for path in tmp_path.iterdir()}
    assert said == {"out.spa.srt": "uno (?)", "out.fra.srt": "deux", "out.eng.srt": "one"}


def test_a_line_of_json_names_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    with OutputFiles() as files:
        sink = JsonSink(files, STDOUT, audio=False)
        for event in unsure_events():
            sink.write(event)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row.get("unsure") for row in rows] == [None] * 5 + [["spa"]]


def test_say_warns_of_what_the_model_does_not_know_unless_told_not_to(command: Command) -> None:
    asked = ("say", "--model", STARTER, "--from", "en", "--to", "es")
    code, text, errors = command(*asked, OUTSIDE)
    assert code == 0
    assert text.strip()
    assert errors.startswith("spa: low_confidence: the model is unsure of this text")
    plain, _, mark = text.rstrip().partition("  (unsure: ")
    assert mark[:2] == "0."
    assert command(*asked, OUTSIDE, "--no-flag-unsure") == (0, f"{plain}\n", "")
    assert command(*asked, "Where is the station?") == (0, "¿Dónde está la estación?\n", "")
