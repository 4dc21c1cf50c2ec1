"""A film with tracks that a container cannot hold: it is told, and before the translation."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest

from tests.cli.conftest import Command
from tests.clips import DATA
from tests.media import write_media
from translate_svc.audio.files import read_audio
from translate_svc.cli.media.film import Dub, write_film
from translate_svc.cli.media.part import Part
from translate_svc.cli.output.dub_file import DUB_FORMATS
from translate_svc.subtitles.cues import Cue


def _film(path: Path, codec: str = "aac", *, picture: bool = True) -> Path:
    clip = read_audio(DATA / "eng_1.flac")
    return write_media(path, *clip, codec=codec, codec_rate_hz=44_100, picture=picture)


def _with_subtitles(path: Path) -> Path:
    """English ones, as Matroska has them."""
    plain = _film(path.with_name("plain.mp4"))
    cues = [Cue(0, 1_000, ("David sent the message.",))]
    write_film(plain, path, DUB_FORMATS[path.suffix], [Dub("eng", None, cues)], None, Part())
    plain.unlink()
    return path


@pytest.mark.parametrize(
    ("name", "picture", "flags", "told"),
    [
        ("out.webm", True, (), "its mpeg4 track cannot be stored in webm; try .mkv"),
        ("out.webm", False, ("--text",), "its aac track cannot be stored in webm; try .mkv"),
    ],
    ids=["picture", "all sound of a film without a dub"],
)
def test_a_film_that_cannot_be_made_is_refused_before_it_is_translated(
    command: Command,
    server: str,
    tmp_path: Path,
    name: str,
    picture: bool,
    flags: tuple[str, ...],
    told: str,
) -> None:
    film = _film(tmp_path / "film.mp4", picture=picture)
    languages = ("--from", "en", "--to", "es")
    code, shown, error = command(
        "translate", str(film), *languages, *flags, "--server", server, "-o", str(tmp_path / name)
    )
    assert code == 1
    assert told in error
    assert shown == "", "nothing was translated in vain"
    assert os.listdir(tmp_path) == [film.name]


def test_a_track_that_no_container_of_films_takes_is_not_sent_to_another(
    command: Command, server: str, tmp_path: Path
) -> None:
    film = _film(tmp_path / "film.flv", "adpcm_swf", picture=False)
    languages = ("--from", "en", "--to", "es")
    code, _, error = command(
        "translate", str(film), *languages, "--server", server, "-o", str(tmp_path / "out.mp4")
    )
    assert code == 1
    assert "its adpcm_swf track cannot be stored in mp4; -o dub.wav writes the dub alone" in error


def test_tracks_that_are_left_out_are_told(command: Command, server: str, tmp_path: Path) -> None:
    film, output = _with_subtitles(tmp_path / "film.mkv"), tmp_path / "out.mp4"
    languages = ("--from", "en", "--to", "es")
    code, _, error = command("translate", str(film), *languages, "--server", server, "-o", str(output))
    assert code == 0
    assert "film.mkv: .mp4 has no place for English subtitles (ass): left out of out.mp4" in error
    with av.open(str(output)) as made:
        assert [each.metadata["language"] for each in made.streams.subtitles] == ["spa"]


def test_of_a_film_that_is_copied_whole_nothing_is_told(
    command: Command, server: str, tmp_path: Path
) -> None:
    film = _with_subtitles(tmp_path / "film.mkv")
    languages = ("--from", "en", "--to", "es")
    code, _, error = command(
        "translate", str(film), *languages, "--server", server, "-o", str(tmp_path / "out.mkv")
    )
    assert code == 0
    assert "left out" not in error
