"""A film is copied whole, also with odd timestamps, and its picture, sound and dub stay together."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import DATA
from tests.media import write_media
from translate_svc.audio.containers import open_media
from translate_svc.audio.files import read_audio
from translate_svc.cli.media.film import Dub, write_film
from translate_svc.cli.media.part import Part
from translate_svc.cli.output.dub_file import DUB_FORMATS
from translate_svc.subtitles.cues import Cue


def _pictures(path: Path) -> dict[float, bytes]:
    """The stored pictures by the time when they are shown, in seconds, in the order of the file."""
    with av.open(str(path)) as film:
        return {
            float((packet.pts or 0) * packet.time_base) - (film.start_time or 0) / 1e6: bytes(packet)
            for packet in film.demux(video=0)
            if packet.size
        }


def _heard(path: Path) -> tuple[float, float]:
    """Seconds of the sound, and where the last word of it ends."""
    with open_media(path) as media:
        samples = np.concatenate(list(media.blocks()))
        rate_hz = media.sample_rate_hz
    return len(samples) / rate_hz, np.flatnonzero(np.abs(samples) > 0.05)[-1] / rate_hz


def _copied(film: Path, suffix: str) -> Path:
    target = film.with_suffix(f".copy{suffix}")
    write_film(film, target, DUB_FORMATS[suffix], [], None, Part())
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_recordings_that_were_joined_follow_one_another(tmp_path: Path, suffix: str) -> None:
    """As of a camera or a broadcast, each of which begins at time 0 again."""
    clip = read_audio(DATA / "demo_eng.flac")
    parts = [
        write_media(tmp_path / f"{name}.ts", *clip, codec="mp2", codec_rate_hz=48_000, picture=True)
        for name in ("first", "second", "third")
    ]
    film = tmp_path / "film.ts"
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    copy = _copied(film, suffix)
    assert _heard(copy) == pytest.approx(_heard(film), abs=0.15), (
        "as the dub has it, which is made of the film"
    )
    shown_s = sorted(_pictures(copy))
    assert len(shown_s) == sum(len(_pictures(part)) for part in parts)
    assert np.diff(shown_s).max() < 0.5
    assert shown_s[-1] == pytest.approx(_heard(copy)[0], abs=0.5)


@pytest.mark.parametrize("picture_starts_s", [0.0, 2.0])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_of_a_film_in_matroska_every_picture_is_copied(
    tmp_path: Path, suffix: str, picture_starts_s: float
) -> None:
    """H.264 stores pictures in another order than they are shown, and Matroska only when they are shown."""
    film = tmp_path / "film.mkv"
    samples, rate_hz = read_audio(DATA / "demo_eng.flac")
    with av.open(str(film), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"x264-params": "bframes=3:b-adapt=0"})
        audio = container.add_stream("flac", rate=rate_hz)
        assert isinstance(video, av.VideoStream)
        assert isinstance(audio, av.AudioStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio.layout = "mono"
        sound = av.AudioFrame.from_ndarray((samples[None] * 32_767).astype(np.int16), "s16", "mono")
        sound.sample_rate, sound.pts = rate_hz, 0
        shaper = av.AudioResampler(format="s16", layout="mono", rate=rate_hz, frame_size=4_608)
        for shaped in (*shaper.resample(sound), *shaper.resample(None), None):
            container.mux(audio.encode(shaped))
        for number in range(40):
            pixels = np.full((48, 64, 3), 6 * number, np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = number + round(picture_starts_s * 10), Fraction(1, 10)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
    stored, copied = _pictures(film), _pictures(_copied(film, suffix))
    assert list(stored) != sorted(stored), "in another order"
    assert list(copied.values()) == list(stored.values())
    assert list(copied) == pytest.approx(list(stored), abs=0.002)


@pytest.mark.parametrize("name", ["film.mkv", "film.avi"])
def test_sound_in_pcm_is_copied_into_mp4(tmp_path: Path, name: str) -> None:
    """These containers do not say which of two channels is the left one."""
    clip = read_audio(DATA / "demo_eng.flac")
    film = write_media(tmp_path / name, *clip, codec="pcm_s16le", codec_rate_hz=48_000, picture=True)
    assert _heard(_copied(film, ".mp4")) == pytest.approx(_heard(film), abs=0.05)


def test_subtitles_that_a_container_cannot_hold_are_left_out(tmp_path: Path) -> None:
    """As those of our own MP4 in Matroska."""
    clip = read_audio(DATA / "demo_eng.flac")
    plain = write_media(tmp_path / "plain.mp4", *clip, codec="aac", codec_rate_hz=48_000, picture=True)
    film = tmp_path / "film.mp4"
    cues = [Cue(0, 1_000, ("Hola.",))]
    write_film(plain, film, DUB_FORMATS[".mp4"], [Dub("spa", None, cues)], None, Part())
    with av.open(str(_copied(film, ".mkv"))) as copy:
        assert {stream.type for stream in copy.streams} == {"video", "audio"}
    with av.open(str(_copied(film, ".mp4"))) as copy:
        assert {stream.type for stream in copy.streams} == {"video", "audio", "subtitle"}
