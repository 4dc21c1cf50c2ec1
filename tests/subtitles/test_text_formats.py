"""Cues as files, read back by pysubs2 and by our own strict readers."""

from __future__ import annotations

import json

import pysubs2
import pytest

from tests.cli.output.subtitle_files import read_srt, read_webvtt
from translate_svc.subtitles.cues import Cue
from translate_svc.subtitles.text_formats import TEXT_FORMATS

CUES = [
    Cue(0, 1_500, ("first",)),
    Cue(3_723_450, 3_725_000, ("second \u00bfs\u00ed?", "line \u6211 & more")),
    Cue(35_000_000, 35_002_000, ("late",)),
]


@pytest.mark.parametrize("form", ["srt", "vtt", "ass"])
def test_an_independent_reader_finds_the_cues(form: str) -> None:
    read = pysubs2.SSAFile.from_string(TEXT_FORMATS[form](CUES, "spa"))
    found = [Cue(event.start, event.end, tuple(event.plaintext.split("\n"))) for event in read]
    if form == "vtt":
        found = [
            Cue(cue.start_ms, cue.end_ms, tuple(line.replace("&amp;", "&") for line in cue.lines))
            for cue in found
        ]
    assert found == CUES


@pytest.mark.parametrize(("form", "read"), [("srt", read_srt), ("vtt", read_webvtt)])
def test_what_is_written_keeps_the_format_s_own_rules(form: str, read: object) -> None:
    cues = [*CUES, Cue(360_003_000, 360_004_000, ("line <i>& --> more",))]
    assert callable(read)
    assert read(TEXT_FORMATS[form](cues, "spa")) == cues
    assert read(TEXT_FORMATS[form]([], "spa")) == []


def test_no_text_is_taken_for_a_command_of_ass() -> None:
    written = TEXT_FORMATS["ass"]([Cue(0, 1_000, (r"{\b1} a\Nb",))], "spa")
    (event,) = pysubs2.SSAFile.from_string(written)
    assert event.text.count(r"\N") == 0
    assert r"\{" in event.text


def test_texts_for_programs() -> None:
    assert TEXT_FORMATS["txt"](CUES, "spa").splitlines()[1] == "second \u00bfs\u00ed? line \u6211 & more"
    assert TEXT_FORMATS["tsv"](CUES, "spa").splitlines()[:2] == ["start\tend\ttext", "0\t1500\tfirst"]
    written = json.loads(TEXT_FORMATS["json"](CUES, "spa"))
    assert written["language"] == "spa"
    assert written["segments"][0] == {"id": 0, "start": 0.0, "end": 1.5, "text": "first"}


def test_times_of_a_long_recording_have_their_hours() -> None:
    late = [Cue(360_000_000, 360_002_000, ("late",))]
    assert "100:00:00,000 --> 100:00:02,000" in TEXT_FORMATS["srt"](late, "spa")
    assert "100:00:00.00,100:00:02.00" in TEXT_FORMATS["ass"](late, "spa")


def test_each_format_says_in_its_own_way_who_speaks() -> None:
    cues = [
        Cue(0, 1_500, ("one,", "two"), "Left"),
        Cue(500, 1_400, ("three",), "A & <B>, C"),
        Cue(2_000, 3_000, ("nobody",)),
    ]
    written = {form: render(cues, "spa") for form, render in TEXT_FORMATS.items()}
    assert [cue.text for cue in read_srt(written["srt"])] == [
        "Left: one, two",
        "A & <B>, C: three",
        "nobody",
    ]
    assert "<v Left>one,\ntwo\n" in written["vtt"]
    assert "<v A &amp; &lt;B&gt;, C>three\n" in written["vtt"]
    assert pysubs2.SSAFile.from_string(written["vtt"])[0].plaintext == "one,\ntwo", "the name is no text"
    assert [(event.name, event.plaintext) for event in pysubs2.SSAFile.from_string(written["ass"])] == [
        ("Left", "one,\ntwo"),
        ("A & <B>  C", "three"),
        ("", "nobody"),
    ]
    assert written["txt"].splitlines() == ["Left: one, two", "A & <B>, C: three", "nobody"]
    assert written["tsv"].splitlines()[:2] == ["start\tend\ttext\tspeaker", "0\t1500\tone, two\tLeft"]
    segments = json.loads(written["json"])["segments"]
    assert [segment.get("speaker") for segment in segments] == ["Left", "A & <B>, C", None]
    assert [cue.speaker for cue in read_webvtt(TEXT_FORMATS["vtt"](cues[::2], "spa"))] == ["Left", ""]
