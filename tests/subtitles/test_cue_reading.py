"""Subtitles as people have them: no line is lost, and nothing is said that players hide."""

from __future__ import annotations

import pytest

from translate_svc.errors import InvalidArgument
from translate_svc.subtitles.cue_reading import srt_cues, webvtt_cues

FIRST, SECOND = "00:00:01,000 --> 00:00:02,000", "00:00:03,000 --> 00:00:04,000"


def said(text: str) -> list[tuple[str, ...]]:
    return [cue.lines for cue in srt_cues(text)]


def heard(text: str) -> list[tuple[str, ...]]:
    return [cue.lines for cue in webvtt_cues(text)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_subrip_file_is_read_with_its_times(newline: str) -> None:
    text = f"1\n{FIRST}\nGood\nmorning.\n\n2\n100:00:03,5 --> 100:00:04.250 X1:0 X2:9\nHi\n".replace(
        "\n", newline
    )
    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in srt_cues(text)] == [
        (1_000, 2_000, ("Good", "morning.")),
        (360_003_500, 360_004_250, ("Hi",)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{FIRST}\nIn the year\n1984\n\n{SECOND}\nYes\n",
        f"7\n{FIRST}\nIn the year\n1984\n\n8\n{SECOND}\nYes\n",
        f"7\n\n{FIRST}\n\nIn the year\n\n1984\n\n8\n\n{SECOND}\n\nYes\n\n9\n",
        f"7\n{FIRST}\nIn the year\n1984\n8\n{SECOND}\nYes",
        f"{FIRST}\nIn the year\n1984\n{SECOND}\nYes",
    ],
    ids=["no numbers", "numbers", "twice the lines and a number at the end", "no empty lines", "neither"],
)
def test_a_line_of_digits_is_text_and_the_number_of_a_cue_is_none(text: str) -> None:
    assert said(text) == [("In the year", "1984"), ("Yes",)]


def test_a_text_that_ends_in_digits_keeps_them_at_the_end_of_a_file() -> None:
    assert said(f"1\n{FIRST}\n10\n\n2\n{SECOND}\nIn the year\n1984") == [("10",), ("In the year", "1984")]


def test_an_empty_cue_is_left_out_and_its_number_with_it() -> None:
    assert said(f"1\n{FIRST}\n\n\n2\n{SECOND}\nYes\n") == [("Yes",)]
    assert said(f"1\n{FIRST}\n2\n{SECOND}\nYes\n") == [("Yes",)]


def test_markup_is_left_out_and_what_only_looks_like_it_is_not() -> None:
    marked = r'{\an8}{y:i}<i>Good</i> <font color="#fff">morning</font>\NJohn<br>and\hMary'
    assert said(f"1\n{FIRST}\n{marked}\n") == [("Good morning", "John", "and Mary")]
    plain = "{laughs} if 2 <x and y> 1, <John>"
    assert said(f"1\n{FIRST}\n{plain}\n") == [(plain,)]


def test_times_before_the_film_and_an_end_before_its_start_are_mended() -> None:
    (cue,) = srt_cues("1\n-00:00:01,000 --> 00:00:02,000\nHi\n")
    assert (cue.start_ms, cue.end_ms) == (0, 2_000)
    (cue,) = srt_cues("1\n00:00:05,000 --> 00:00:02,000\nHi\n")
    assert (cue.start_ms, cue.end_ms) == (5_000, 5_000)


def test_of_a_webvtt_file_the_cues_are_read_and_nothing_beside_them() -> None:
    text = (
        "WEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:fred\n\n"
        "opening\n00:01.000 --> 00:02.000 region:fred align:left\n<v Ann>Tom &amp; <c.loud>Jerry</c>\n\n"
        "NOTE this is\nfor editors\n\n"
        "answer\n100:00:03.000 --> 100:00:04.000\nIn the year\n1984\n\nNOTE the end\n"
    )
    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in webvtt_cues(text)] == [
        (1_000, 2_000, ("Tom & Jerry",)),
        (360_003_000, 360_004_000, ("In the year", "1984")),
    ]


def test_the_times_of_words_are_neither_text_nor_those_of_a_cue() -> None:
    text = (
        "WEBVTT\n\n00:00:00.160 --> 00:00:02.389 align:start\n \n"
        "where<00:00:00.480><c> is</c><00:00:00.640><c> the station</c>\n\n"
        "00:00:03.000 --> 00:00:04.000\nplease<00:03.480> help\n"
    )
    assert heard(text) == [("where is the station",), ("please help",)]


@pytest.mark.parametrize(
    "times",
    [
        "9999999999999999:00:06,000 --> 00:00:08,000",
        "00:00:06,000 --> 00:99:xx",
        "00:0O:06,000 --> OO:00:08,000",
        "00:00:06,000 --> 00:0x:08,000",
        "00:00:06,000 --> 00:00:08,0x",
        "00:00:06:12 --> 00:00:08:00",
        "00:00:06,000 -->",
        "--> 00:00:08,000",
        "00:00:06,000 -> 00:00:0x,000",
        "00:00:06,000->00:99:xx",
    ],
)
def test_times_that_cannot_be_read_are_no_text_of_the_cue_before(times: str) -> None:
    for read, head in ((srt_cues, "1"), (webvtt_cues, "WEBVTT\n")):
        with pytest.raises(InvalidArgument, match=r"^has times of a cue in line (7|8) that cannot be read$"):
            read(f"{head}\n{FIRST}\nHi\n\n\n2\n{times}\nYes\n")


def test_an_arrow_in_a_text_is_text_and_times_may_hold_spaces() -> None:
    assert said(f"1\n{FIRST}\nThis way -->\n<!-- old -->\n12: go on --> here\n") == [
        ("This way -->", "<!-- old -->", "12: go on --> here")
    ]
    (cue,) = srt_cues("1\n00: 00: 06, 500 --> 00: 00: 08,000\nYes\n")
    assert (cue.start_ms, cue.end_ms) == (6_500, 8_000)
