"""Captions that show their lines twice are read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from translate_svc.cli.media.text_files import read_text_file
from translate_svc.subtitles.cue_reading import webvtt_cues
from translate_svc.subtitles.cues import Cue
from translate_svc.subtitles.rolling_captions import without_repeats

YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.470 align:start position:0%
\x20
hello<00:00:00.400><c> my</c><00:00:00.640><c> name</c>

00:00:02.470 --> 00:00:02.480 align:start position:0%
hello my name
\x20

00:00:02.480 --> 00:00:05.000 align:start position:0%
hello my name
is<00:00:02.800><c> Laura</c>

00:00:05.000 --> 00:00:05.010 align:start position:0%
is Laura
\x20

00:00:05.010 --> 00:00:07.000 align:start position:0%
is Laura
and<00:00:05.200><c> you</c>
"""


def test_each_line_of_rolling_captions_is_read_once_at_its_first_time() -> None:
    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in without_repeats(webvtt_cues(YOUTUBE))] == [
        (160, 2_480, ("hello my name",)),
        (2_480, 5_010, ("is Laura",)),
        (5_010, 7_000, ("and you",)),
    ]


def test_a_file_of_rolling_captions_is_translated_once(tmp_path: Path) -> None:
    (captions := tmp_path / "captions.vtt").write_text(YOUTUBE)
    assert [each.text for each in read_text_file(captions).passages] == ["hello my name is Laura and you"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([("No.",), ("No.",), ("Why?",), ("Because.",), ("I see.",)], id="said twice in a film"),
        pytest.param([("Go!",), ("Go!",), ("Go!",)], id="a few cues alike"),
    ],
)
def test_what_is_said_twice_stays(said: list[tuple[str, ...]]) -> None:
    cues = [Cue(1_000 * at, 1_000 * at + 1_000, lines) for at, lines in enumerate(said)]
    assert without_repeats(cues) == cues


def test_a_line_that_comes_again_after_a_pause_is_said_again() -> None:
    starts_ms = [0, 1_000, 2_000, 5_000]
    cues = [Cue(start_ms, start_ms + 1_000, ("la la la",)) for start_ms in starts_ms]
    assert [(cue.start_ms, cue.end_ms) for cue in without_repeats(cues)] == [(0, 3_000), (5_000, 6_000)]
