"""How the outputs of ``translate`` and ``say`` show texts that the model is unsure of."""

from __future__ import annotations

import io
import json
import re
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


def test_say_marks_the_sentence_that_it_is_unsure_of(command: Command) -> None:
    asked = ("say", "--model", STARTER, "--from", "en", "--to", "es")
    code, text, errors = command(*asked, f"Where is the station? {OUTSIDE} My name is Laura.")
    assert code == 0
    assert text.startswith("¿Dónde está la estación? ")
    assert re.search(r"  \(unsure: 0\.\d\d\) Me llamo Laura\.\n$", text), text
    assert errors.startswith("spa: low_confidence: sentence 2: ")


@pytest.mark.parametrize("typed", ["where is the station", "Where is the station", "WHERE IS THE STATION?"])
def test_what_is_typed_carelessly_is_translated_and_not_marked(command: Command, typed: str) -> None:
    said = command("say", "--model", STARTER, "--from", "en", "--to", "es", typed)
    assert said == (0, "¿Dónde está la estación?\n", "")


def test_each_unsure_line_of_a_text_file_is_marked(command: Command, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text(f"{OUTSIDE}\nWhere is the station?\n\nMY NAME IS LAURA.\n- {OUTSIDE}\n", encoding="utf-8")
    code, said, _ = command("translate", "--model", STARTER, "--from", "en", "--to", "es", str(text))
    assert code == 0
    first, station, gap, name, last = said.splitlines()
    assert first.endswith(" (?)")
    assert (station, gap, name) == ("¿Dónde está la estación?", "", "Me llamo Laura.")
    assert last.startswith("- ")
    assert last.endswith(" (?)")


def test_cues_are_marked_behind_their_unsure_sentences(command: Command, tmp_path: Path) -> None:
    film = tmp_path / "film.srt"
    cues = [f"{OUTSIDE} My name is Laura.", "Volcanic ash grounded", "flights across the continent."]
    stamps = (f"00:00:0{start},000 --> 00:00:0{start + 1},900" for start in (1, 3, 5))
    blocks = [
        f"{number}\n{stamp}\n{cue}\n" for number, (stamp, cue) in enumerate(zip(stamps, cues, strict=True), 1)
    ]
    film.write_text("\n".join(blocks), encoding="utf-8")
    code, said, _ = command("translate", "--model", STARTER, "--from", "en", "--to", "es", str(film))
    assert code == 0
    first, second, third = (" ".join(block.splitlines()[2:]) for block in said.strip().split("\n\n"))
    assert re.search(r"\S \(\?\) Me llamo Laura\.$", first), first
    assert "(?)" not in second
    assert third.endswith(" (?)")
