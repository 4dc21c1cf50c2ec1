"""What a film has beside its tracks is in its copy: its title, chapters, cover and attached fonts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import DATA
from tests.media import write_media
from translate_svc.audio.files import read_audio
from translate_svc.cli.media.film import write_film
from translate_svc.cli.media.part import Part
from translate_svc.cli.output.dub_file import DUB_FORMATS

_COVER = av.stream.Disposition.attached_pic
_FONT = ("letters.ttf", "application/x-truetype-font", b"a font")
_CHAPTERS = [("Where", 0, 2_000), ("Who", 2_000, 4_000)]


def _jpeg() -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "yuvj420p", Fraction(1, 10)
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 200, np.uint8)).reformat(format="yuvj420p")
    frame.pts = 0
    return b"".join(map(bytes, (*encoder.encode(frame), *encoder.encode(None))))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In Matroska, which holds everything."""
    path = tmp_path_factory.mktemp("extras") / "film.mkv"
    clip = read_audio(DATA / "demo_eng.flac")
    bare = write_media(path.with_name("bare.mkv"), *clip, codec="aac", codec_rate_hz=44_100, picture=True)
    with av.open(str(bare)) as source, av.open(str(path), "w") as container:
        tracks = {each: container.add_stream_from_template(each) for each in source.streams}
        container.metadata["title"] = "The lost key"
        container.set_chapters(
            [
                {
                    "id": number,
                    "start": start_ms,
                    "end": end_ms,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": title},
                }
                for number, (title, start_ms, end_ms) in enumerate(_CHAPTERS)
            ]
        )
        container.add_attachment(*_FONT)
        container.add_attachment("cover.jpg", "image/jpeg", _jpeg())
        for packet in source.demux():
            if packet.size:
                packet.stream = tracks[packet.stream]
                container.mux(packet)
    return path


def _copied(film: Path, target: Path, part: Part | None = None) -> Path:
    write_film(film, target, DUB_FORMATS[target.suffix], [], None, part or Part())
    return target


def _chapters(path: Path) -> list[tuple[str, int, int]]:
    with av.open(str(path)) as film:
        return [
            (each["metadata"]["title"], round(each["start"] * tick_ms), round(each["end"] * tick_ms))
            for each in film.chapters()
            for tick_ms in ((each["time_base"] or 1) * 1000,)
        ]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_copy_has_title_chapters_and_cover(film: Path, tmp_path: Path, suffix: str) -> None:
    # the copy of a copy: a cover is stored in another way in each container
    once = _copied(film, tmp_path / f"once{suffix}")
    for copy in (once, _copied(once, tmp_path / "twice.mp4"), _copied(once, tmp_path / "twice.mkv")):
        assert _chapters(copy) == _CHAPTERS
        with av.open(str(copy)) as made:
            assert made.metadata["title"] == "The lost key"
            (cover,) = [each for each in made.streams.video if each.disposition & _COVER]
            assert next(bytes(each) for each in made.demux(cover) if each.size) == _jpeg()
            assert len(made.streams.video) == 2, "the picture and the cover, and no empty track"


def test_the_fonts_of_a_film_are_in_its_copy(film: Path, tmp_path: Path) -> None:
    with av.open(str(_copied(film, tmp_path / "copy.mkv"))) as made:
        (font,) = made.streams.attachments
        assert (font.name, font.mimetype, font.data) == _FONT


def test_chapters_of_a_part_count_from_its_start(film: Path, tmp_path: Path) -> None:
    copy = _copied(film, tmp_path / "part.mkv", Part(1.5, 2.0))
    assert _chapters(copy) == [("Where", 0, 500), ("Who", 500, 2_000)]


def test_a_container_without_a_place_for_a_cover_is_written_without(tmp_path: Path) -> None:
    song = write_media(
        tmp_path / "song.webm", *read_audio(DATA / "eng_1.flac"), codec="libopus", codec_rate_hz=48_000
    )
    covered = tmp_path / "covered.mkv"
    with av.open(str(song)) as source, av.open(str(covered), "w") as container:
        track = container.add_stream_from_template(source.streams.audio[0])
        container.add_attachment("cover.jpg", "image/jpeg", _jpeg())
        for packet in source.demux():
            if packet.size:
                packet.stream = track
                container.mux(packet)
    with av.open(str(_copied(covered, tmp_path / "copy.webm"))) as made:
        assert [each.type for each in made.streams] == ["audio"]
