"""``translate`` of texts and subtitles: the same format out, times kept; and a dub that is made from them."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.cli.conftest import Command
from tests.cli.output.subtitle_files import read_srt, read_webvtt
from tests.clips import DATA, sentences, texts
from translate_svc.audio.files import read_audio
from translate_svc.cli.media.text_files import read_text_file
from translate_svc.errors import InvalidArgument

DEMO = sentences("demo_eng")
SPLIT = DEMO[0]["transcript"].split()
SRT = f"""1
00:00:01,000 --> 00:00:03,000
<i>{texts("eng_1")["eng"]}</i>

2
00:00:04,000 --> 00:00:05,000
{" ".join(SPLIT[:4])}

3
00:00:05,100 --> 00:00:08,500
{" ".join(SPLIT[4:])}
"""
FIRST, SECOND = texts("eng_1")["spa"], DEMO[0]["translation"]
TIMES = [(1_000, 3_000), (4_000, 5_000), (5_100, 8_500)]
ASKED = ("--from", "en", "--to", "es", "--no-flag-unsure")


@pytest.fixture
def srt(tmp_path: Path) -> Path:
    path = tmp_path / "film.srt"
    path.write_text(SRT, "utf-8")
    return path


def test_subtitles_keep_their_times_and_a_sentence_over_two_cues_is_translated_as_one(
    command: Command, server: str, srt: Path, tmp_path: Path
) -> None:
    code, output, error = command("translate", str(srt), *ASKED, "--server", server)
    assert (code, error) == (0, "")
    cues = read_srt(output)
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == TIMES
    assert cues[0].text == FIRST
    assert " ".join(cue.text for cue in cues[1:]) == SECOND

    code, output, _ = command(
        *("translate", str(srt), *ASKED, "--server", server, "--to", "fr", "--format", "vtt,wav"),
        *("--output-dir", str(tmp_path)),
    )
    assert (code, output) == (0, "")
    written = read_webvtt((tmp_path / "film.spa.vtt").read_text("utf-8"))
    assert [(cue.start_ms, cue.end_ms) for cue in written] == TIMES
    dub, rate_hz = read_audio(tmp_path / "film.spa.wav")
    assert abs(dub[: int(0.98 * rate_hz)]).max() == 0
    assert abs(dub[rate_hz : 2 * rate_hz]).max() > 0.05


def test_output_may_name_texts(command: Command, server: str, srt: Path, tmp_path: Path) -> None:
    notes, asked = tmp_path / "notes.txt", (*ASKED, "--server", server)
    notes.write_text(texts("eng_1")["eng"], "utf-8")
    assert command("translate", str(notes), *asked, "-o", str(tmp_path / "notes.es.txt"))[:2] == (0, "")
    assert (tmp_path / "notes.es.txt").read_text("utf-8") == f"{FIRST}\n"
    assert command("translate", str(notes), *asked, "--to", "fr", "-o", str(tmp_path / "two.txt"))[0] == 0
    assert (tmp_path / "two.fra.txt").read_text("utf-8") == f"{texts('eng_1')['fra']}\n"
    assert command("translate", str(srt), *asked, "-o", str(tmp_path / "film.es.srt"))[:2] == (0, "")
    cues = read_srt((tmp_path / "film.es.srt").read_text("utf-8"))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == TIMES
    code, _, error = command("translate", str(DATA / "eng_1.flac"), *asked, "-o", str(tmp_path / "said.srt"))
    assert (code, error) == (0, "")
    assert read_srt((tmp_path / "said.srt").read_text("utf-8"))[0].text == FIRST


def test_a_plain_text_keeps_its_lines_and_paragraphs(command: Command, server: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    lines = (texts("eng_1"), texts("eng_2"), texts("eng_3"))
    notes.write_bytes("{}\r\n{}\r\n\r\n{}\r\n".format(*(each["eng"] for each in lines)).encode())
    code, output, error = command("translate", str(notes), *ASKED, "--server", server)
    assert (code, error) == (0, "")
    assert output == "{}\n{}\n\n{}\n".format(*(each["spa"] for each in lines))


def test_control_characters_are_left_out_of_a_text(tmp_path: Path) -> None:
    path = tmp_path / "printed.txt"
    path.write_text("\x02Good\x07 morning.\n\x1b\x7fBye.\x1a\n", "utf-8")
    assert [each.text for each in read_text_file(path).passages] == ["Good morning.\nBye."]


@pytest.mark.parametrize("word", ["word ", "word. ", "word.\n", "字。", "w"])
def test_a_long_paragraph_is_parted_and_nothing_of_it_is_lost(tmp_path: Path, word: str) -> None:
    """A book or a log has lines and no empty ones; a server takes 10,000 characters at once."""
    path = tmp_path / "a.txt"
    whole = (word * (25_000 // len(word))).strip()
    path.write_text(f"{whole}\n\n{whole}\n", "utf-8")
    read = read_text_file(path)
    pieces = [each.text for each in read.passages]
    assert max(map(len, pieces)) <= 4_000
    assert all(piece.endswith(word.strip()) for piece in pieces)
    assert read.plain(pieces) == f"{whole}\n\n{whole}\n"


def test_a_cue_without_a_word_stays_as_it_is(command: Command, server: str, tmp_path: Path) -> None:
    path = tmp_path / "song.srt"
    times = "00:00:01,000 --> 00:00:03,000", "00:00:04,000 --> 00:00:05,000"
    path.write_text(f"{times[0]}\n♪ ♪\n\n{times[1]}\n{texts('eng_1')['eng']}\n", "utf-8")
    code, output, error = command("translate", str(path), *ASKED, "--server", server)
    assert (code, error) == (0, "")
    assert [cue.text for cue in read_srt(output)] == ["♪ ♪", FIRST]


def test_a_paragraph_that_cannot_be_seen_does_not_refuse_the_file(
    command: Command, server: str, tmp_path: Path
) -> None:
    path = tmp_path / "pasted.txt"
    path.write_text(f"\u200b\n\n{texts('eng_1')['eng']}\n", "utf-8")
    code, output, error = command("translate", str(path), *ASKED, "--server", server)
    assert (code, error) == (0, "")
    assert output.split("\n\n") == ["\u200b", f"{FIRST}\n"]


def test_a_film_is_dubbed_from_subtitles_that_were_edited(
    command: Command, server: str, srt: Path, tmp_path: Path
) -> None:
    film, subtitles = tmp_path / "film.mkv", tmp_path / "both.srt"
    code, _, error = command(
        *("translate", str(DATA / "eng_three.flac"), *ASKED, "--server", server, "--subtitles-in", str(srt)),
        *("-o", str(film), "--subtitles", str(subtitles), "--transcript", "--bilingual"),
    )
    assert (code, error) == (0, "")
    cues = read_srt(subtitles.read_text("utf-8"))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == TIMES
    assert cues[0].lines == (texts("eng_1")["eng"], FIRST)
    with av.open(str(film)) as made:
        assert len(made.streams.audio) == 2
        packets = [each for each in made.demux(made.streams.subtitles[0]) if each.size]
    assert [each.pts for each in packets] == [start_ms for start_ms, _ in TIMES]


def test_a_dub_is_no_longer_than_its_film_for_a_cue_that_ends_behind_it(
    command: Command, server: str, tmp_path: Path
) -> None:
    subtitles, dub = tmp_path / "late.srt", tmp_path / "dub.wav"
    subtitles.write_text(f"1\n00:00:00,400 --> 00:02:00,000\n{texts('eng_1')['eng']}\n", "utf-8")
    source = DATA / "demo_eng.flac"
    code, _, error = command(
        *("translate", str(source), *ASKED, "--server", server, "--subtitles-in", str(subtitles)),
        *("-o", str(dub)),
    )
    assert (code, error) == (0, "")
    with av.open(str(source)) as heard, av.open(str(dub)) as made:
        assert made.duration is not None
        assert heard.duration is not None
        assert abs(made.duration - heard.duration) <= 1_000


def test_two_languages_stand_in_one_cue_of_a_recording(command: Command, server: str, tmp_path: Path) -> None:
    both = tmp_path / "both.srt"
    code, _, _ = command(
        *("translate", str(DATA / "demo_eng.flac"), *ASKED, "--server", server, "--transcript"),
        *("--subtitles", str(both), "--bilingual"),
    )
    assert code == 0
    cues = read_srt(both.read_text("utf-8"))
    assert [cue.text for cue in cues] == [f"{each['transcript']} {each['translation']}" for each in DEMO]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_text_may_have_the_marks_and_newlines_of_windows(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    dialogue = "[Events]\nDialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,Olé\\NHi\n"
    for name, content in (("a.txt", "Olé\nHi\n"), ("a.srt", SRT), ("a.ass", dialogue)):
        plain, marked = tmp_path / f"plain-{name}", tmp_path / name
        plain.write_text(content, "utf-8")
        marked.write_text(content, encoding, newline=newline)
        assert read_text_file(marked) == read_text_file(plain)


def test_no_cue_begins_before_the_film_or_ends_before_its_start(tmp_path: Path) -> None:
    dialogues = (
        f"Dialogue: 0,{times},Default,,0,0,0,,Hi\n"
        for times in ("-0:00:01.00,0:00:02.00", "0:00:05.00,0:00:03.00")
    )
    (tmp_path / "a.ass").write_text("[Events]\n" + "".join(dialogues), "utf-8")
    cues = [cue for passage in read_text_file(tmp_path / "a.ass").passages for cue in passage.cues]
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 2_000), (5_000, 5_000)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.srt", b"no subtitles", "holds no text"),
        (
            "a.srt",
            b"1\n00:00:01,000 --> 00:0x:02,000\nHi\n",
            "a.srt: has times of a cue in line 2 that cannot",
        ),
        ("a.ass", b"[Events]\nDialogue: 0,x,y\n", "a.ass: is not in the format ass"),
        ("a.txt", b"\n \n", "holds no text"),
        ("a.txt", b"caf\xe9", "is not a text in UTF-8"),
        ("a.txt", b"c\0a\0f\0", "is not a text in UTF-8"),
        ("a.txt", b"\xff\xfec", "is not a text in UTF-8"),
        ("absent.vtt", None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_text_is_told(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidArgument, match=said):
        read_text_file(tmp_path / name)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("film.srt", "--to", "es"), "--from: is needed for texts"),
        (("film.srt", *ASKED, "--simultaneous"), "--simultaneous: is for audio, not for texts"),
        (("notes.txt", *ASKED, "--format", "srt"), "--format: srt needs times"),
        (("notes.txt", *ASKED, "-o", "notes.es.srt"), "--subtitles: srt needs times"),
        (("a.mp3", *ASKED, "-o", "a.srt", "--subtitles", "b.srt"), "--output: names texts, as --subtitles"),
        (("notes.txt", *ASKED, "--to", "fr"), "--to: several languages of a text need"),
        (("a.mp3", *ASKED, "--subtitles-in", "a.doc"), "--subtitles-in: takes .srt, .vtt or .ass"),
        (
            ("a.mp3", *ASKED, "--subtitles", "a.srt", "--bilingual"),
            "--bilingual: needs --subtitles or --burn-in, and",
        ),
    ],
)
def test_what_does_not_go_with_texts_is_told(command: Command, arguments: tuple[str, ...], said: str) -> None:
    code, output, error = command("translate", *arguments)
    assert (code, output) == (2, "")
    assert error.startswith(f"translate-svc: {said}")
