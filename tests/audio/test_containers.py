"""Any container in: rate, length, place in time, damage, and refusals."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest

from tests.media import write_media
from translate_svc.audio.codecs.g722 import G722Encoder
from translate_svc.audio.containers import open_media
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import resample
from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples

CLIP = Path(__file__).parents[1] / "data" / "eng_three.flac"


@pytest.fixture(scope="module")
def clip() -> tuple[Samples, int]:
    return read_audio(CLIP)


def _read(path: Path) -> tuple[Samples, int]:
    with open_media(path) as media:
        return np.concatenate(list(media.blocks())), media.sample_rate_hz


def _best_shift_ms(found: Samples, rate_hz: int, clip: tuple[Samples, int]) -> float:
    """How much later than the clip ``found`` is, by the loudness of 10 ms pieces."""

    def loudness(samples: Samples, rate: int) -> Samples:
        piece = rate // 100
        count = len(samples) // piece
        means: Samples = np.abs(samples[: count * piece]).reshape(count, piece).mean(axis=1)
        return means

    ours, theirs = loudness(found, rate_hz), loudness(*clip)
    return float(10 * (np.argmax(np.correlate(ours, theirs, "full")) - len(theirs) + 1))


def test_lossless_audio_comes_out_bit_for_bit_in_blocks_of_about_100_ms(clip: tuple[Samples, int]) -> None:
    with open_media(CLIP) as media:
        blocks = list(media.blocks())
        assert media.sample_rate_hz == clip[1]
        assert media.duration_ms == len(clip[0]) * 1000 // clip[1]
        assert media.damage is None
    np.testing.assert_array_equal(np.concatenate(blocks), clip[0])
    assert max(map(len, blocks)) < 0.4 * clip[1]


@pytest.mark.parametrize(
    ("name", "codec", "codec_rate_hz", "heard_rate_hz"),
    [
        ("a.mp3", "libmp3lame", 44_100, 44_100),
        ("a.m4a", "aac", 44_100, 44_100),
        ("a.ogg", "libopus", 48_000, 48_000),
        ("a.wav", "pcm_s24le", 96_000, 48_000),
    ],
)
def test_stereo_of_any_codec_is_mixed_to_one_channel_in_its_place(
    tmp_path: Path,
    clip: tuple[Samples, int],
    name: str,
    codec: str,
    codec_rate_hz: int,
    heard_rate_hz: int,
) -> None:
    path = write_media(tmp_path / name, *clip, codec=codec, codec_rate_hz=codec_rate_hz)
    samples, rate_hz = _read(path)
    assert rate_hz == heard_rate_hz
    assert len(samples) / rate_hz == pytest.approx(len(clip[0]) / clip[1], abs=0.06)
    assert _best_shift_ms(samples, rate_hz, clip) == 0
    one_side = np.abs(clip[0]).max() / 2**0.5
    assert np.abs(samples).max() == pytest.approx(one_side, rel=0.2), "mixed, not added up"


def test_a_recording_of_bare_g722_is_read_by_its_suffix(tmp_path: Path, clip: tuple[Samples, int]) -> None:
    encoder, path = G722Encoder(), tmp_path / "a.g722"
    path.write_bytes((encoder.encode(resample(*clip, 16_000)) + encoder.flush()).data)
    samples, rate_hz = _read(path)
    assert rate_hz == 16_000
    assert len(samples) / rate_hz == pytest.approx(len(clip[0]) / clip[1], abs=0.025)
    assert _best_shift_ms(samples, rate_hz, clip) == 0


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "libopus"), ("a.ts", "aac")])
def test_sound_that_begins_later_than_the_picture_keeps_its_place(
    tmp_path: Path, clip: tuple[Samples, int], name: str, codec: str
) -> None:
    path = write_media(tmp_path / name, *clip, codec=codec, codec_rate_hz=48_000, picture=True, starts_s=1.5)
    samples, rate_hz = _read(path)
    assert _best_shift_ms(samples, rate_hz, clip) == pytest.approx(1_500, abs=10)
    assert np.abs(samples[: int(1.4 * rate_hz)]).max() < 1e-3


@pytest.mark.parametrize("speed", [0.99, 1.01])
def test_sound_whose_clock_is_not_that_of_the_picture_keeps_its_places(tmp_path: Path, speed: float) -> None:
    """Ten ticks, ten seconds apart by their timestamps, and more or less than ten by their samples."""
    path, rate_hz, size, places_s = tmp_path / "a.mka", 16_000, 160, np.arange(10) * 10.0 + 5
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for number in range(round(100 / speed * rate_hz / size)):
            start_s = number * speed * size / rate_hz
            ticks = np.abs(places_s - start_s).min() <= speed * size / rate_hz / 2
            block = np.full((1, size), 10_000 if ticks else 0, np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate_hz, round(start_s * rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples, _ = _read(path)
    heard = np.flatnonzero(samples > 0.1) / rate_hz
    found_s = heard[np.diff(heard, prepend=-1.0) > 1]
    np.testing.assert_allclose(found_s, places_s, atol=0.15)


def test_a_stream_that_cannot_seek_is_read_too(clip: tuple[Samples, int]) -> None:
    class Pipe(io.RawIOBase):
        data = io.BytesIO(CLIP.read_bytes())

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self.data.read(size)

        def seekable(self) -> bool:
            return False

    with open_media(Pipe(), "a pipe") as media:  # type: ignore[arg-type]
        samples = np.concatenate(list(media.blocks()))
    np.testing.assert_array_equal(samples, clip[0])


def test_what_cannot_be_decoded_is_counted_and_silent_and_the_rest_stays_in_place(
    tmp_path: Path, clip: tuple[Samples, int]
) -> None:
    path = write_media(tmp_path / "a.mp4", *clip, codec="aac", codec_rate_hz=44_100)
    whole, rate_hz = _read(path)
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + 4 + len(data) // 3
    data[middle : middle + len(data) // 10] = np.random.default_rng(0).bytes(len(data) // 10)
    path.write_bytes(data)
    with open_media(path) as media:
        samples = np.concatenate(list(media.blocks()))
        assert media.damage is not None
        assert "packets could not be decoded, the first at" in media.damage
    assert len(samples) == len(whole)
    tail = slice(-rate_hz // 2, None)
    np.testing.assert_allclose(samples[tail], whole[tail], atol=1e-3)


def test_a_stream_whose_format_changes_midway_goes_on(tmp_path: Path, clip: tuple[Samples, int]) -> None:
    first = write_media(tmp_path / "1.mp3", *clip, codec="libmp3lame", codec_rate_hz=44_100)
    second = write_media(tmp_path / "2.mp3", *clip, codec="libmp3lame", codec_rate_hz=22_050, layout="mono")
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    samples, rate_hz = _read(joined)
    assert rate_hz == 44_100
    assert len(samples) / rate_hz == pytest.approx(2 * len(clip[0]) / clip[1], abs=0.3)


def test_ten_minutes_are_read_without_holding_them(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=8_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for minute in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 480_000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8_000, minute * 480_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    tracemalloc.start()
    with open_media(path) as media:
        total = sum(map(len, media.blocks()))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 600 * 8_000
    assert peak_bytes < 2_000_000, "whole, it would take 19 MB"


def test_what_holds_no_audio_is_refused_by_name(tmp_path: Path) -> None:
    silent_film = tmp_path / "film.mp4"
    with av.open(str(silent_film), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))))
        container.mux(video.encode(None))
    foreign = tmp_path / "foreign.json"
    foreign.write_text('{"a": 1}')
    empty = tmp_path / "empty.wav"
    empty.touch()
    # a playlist may not reach out of this machine
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    for path, said in (
        (silent_film, "has no audio stream"),
        (foreign, "is not an audio or video file that FFmpeg can read"),
        (playlist, "is not an audio or video file that FFmpeg can read"),
        (empty, "is empty"),
        (tmp_path, "is a directory"),
        (tmp_path / "absent.wav", "no such file"),
    ):
        with pytest.raises(InvalidArgument, match=said) as refused, open_media(path):
            pass
        assert refused.value.field == str(path)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile a.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.wav\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_leads_to_no_other_file(tmp_path: Path, clip: tuple[Samples, int], text: str) -> None:
    write_media(tmp_path / "a.wav", *clip, codec="pcm_s16le", codec_rate_hz=16_000)
    for name in ("list.txt", "list.ffconcat", "list.m3u8"):
        (tmp_path / name).write_text(text)
        with (
            pytest.raises(InvalidArgument, match="is not an audio or video file"),
            open_media(tmp_path / name),
        ):
            pytest.fail("another file was read")


def _sparse(path: Path, codec: str, gaps_s: float, frames: int = 200) -> Path:
    """Frames of speech so far apart."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        size = 960
        noise = (np.random.default_rng(0).standard_normal((1, size)) * 3_000).astype(np.int16)
        for number in range(frames):
            frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, round(number * gaps_s * 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _seconds(path: Path) -> float:
    with open_media(path) as media:
        return sum(map(len, media.blocks())) / media.sample_rate_hz


@pytest.mark.parametrize("codec", ["libopus", "pcm_s16le"])
def test_a_file_that_claims_far_more_time_than_it_holds_sound_for_is_refused(
    tmp_path: Path, codec: str
) -> None:
    """200 frames of 20 ms, each 59 minutes after the one before: eight days of silence."""
    path = _sparse(tmp_path / "a.mkv", codec, gaps_s=3_540)
    read = 0

    def reads() -> None:
        nonlocal read
        for block in media.blocks():
            read += len(block)

    with open_media(path) as media:
        with pytest.raises(InvalidArgument, match=r"kB of audio last \d+\.\d hours") as refused:
            reads()
        assert refused.value.field == str(path)
        assert read / media.sample_rate_hz < 7 * 3_600


def test_long_pauses_in_a_short_recording_are_believed(tmp_path: Path) -> None:
    """A radio that spoke 200 times within 50 minutes."""
    assert _seconds(_sparse(tmp_path / "a.mkv", "libopus", gaps_s=15)) == pytest.approx(199 * 15, abs=1)


def _au(folder: Path, *, rate_hz: int, channels: int) -> Path:
    """A file of mu-law whose header claims what it likes."""
    path = folder / "claims.au"
    header = struct.pack(">4sIIIII", b".snd", 24, 0xFFFFFFFF, 1, rate_hz, channels)
    path.write_bytes(header + bytes(4_096))
    return path


@pytest.mark.parametrize("rate_hz", [1, 999, 768_001, 1_526_734_656])
def test_a_rate_that_no_recording_has_is_refused(tmp_path: Path, rate_hz: int) -> None:
    """For 34 bytes that claimed 1.5 GHz FFmpeg computed a filter for 20 s. (Found by fuzzing.)"""
    path = _au(tmp_path, rate_hz=rate_hz, channels=1)
    with pytest.raises(InvalidArgument, match="samples a second") as refused, open_media(path):
        pytest.fail("it was opened")
    assert refused.value.field == str(path)


@pytest.mark.parametrize("channels", [73, 255])
def test_channels_that_cannot_be_mixed_are_damage(tmp_path: Path, channels: int) -> None:
    """An AU file may claim any number of them. (Found by fuzzing.)"""
    with open_media(_au(tmp_path, rate_hz=8_000, channels=channels)) as media:
        assert list(media.blocks()) == []
        assert media.damage is not None
