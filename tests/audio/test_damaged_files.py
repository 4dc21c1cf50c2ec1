"""Files that are cut off or hold what is no sound: what is there is heard, and what is missing is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from tests.clips import DATA
from tests.media import write_media
from translate_svc.audio.containers import open_media
from translate_svc.audio.files import read_audio
from translate_svc.audio.media_files import OpenMedia, open_sound_file
from translate_svc.client.input_encoder import InputEncoder
from translate_svc.types import AudioFormat, Encoding, Samples

# as for downloads: the index comes first
_OPTIONS = {name: {"movflags": "faststart"} for name in ("a.mp4", "a.mov")} | {"rf64.wav": {"rf64": "always"}}


@pytest.fixture(scope="module")
def clip() -> tuple[Samples, int]:
    return read_audio(DATA / "eng_three.flac")


@pytest.mark.parametrize("kept", [0.5, 0.88])
@pytest.mark.parametrize(
    ("name", "codec", "said"),
    [
        ("a.mkv", "aac", "it was cut off at "),
        ("a.webm", "libopus", "it was cut off at "),
        ("a.mp3", "libmp3lame", "it was cut off at "),
        ("a.wav", "pcm_s24le", "it was cut off at "),
        ("a.mp4", "aac", "it was cut off at "),
        ("a.mov", "pcm_s16le", "it was cut off at "),
        ("a.avi", "libmp3lame", "it was cut off at "),
        ("a.caf", "pcm_s16le", "it was cut off at "),
        ("a.aiff", "pcm_s16be", "it was cut off at "),
        ("a.au", "pcm_s16be", "it was cut off at "),
        ("a.flv", "libmp3lame", "it was cut off at "),
        ("a.w64", "pcm_s16le", "it was cut off at "),
        ("rf64.wav", "pcm_s16le", "it was cut off at "),
        ("a.flac", "flac", "packets could not be decoded"),
    ],
)
def test_a_file_that_was_cut_off_is_told(
    tmp_path: Path, clip: tuple[Samples, int], name: str, codec: str, said: str, kept: float
) -> None:
    """Also where a sentence alone is missing. And a whole one is not, though its picture may go on after its
    sound.
    """
    long = np.tile(clip[0], 2), clip[1]
    path = write_media(
        tmp_path / name,
        *long,
        codec=codec,
        codec_rate_hz=44_100 if name == "a.flv" else 48_000,
        picture=name in ("a.avi", "a.mkv", "a.mp4"),
        picture_goes_on_s=10.0,
        options=_OPTIONS.get(name),
    )
    with open_media(path) as media:
        list(media.blocks())
        assert media.damage is None
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with open_media(path) as media:
        list(media.blocks())
        assert media.damage is not None
        assert said in media.damage


def test_a_recording_in_matroska_is_as_long_as_it_lasts_though_it_begins_late(
    tmp_path: Path, clip: tuple[Samples, int]
) -> None:
    """As one that was copied out of a running broadcast with its times: its header states where it ends."""
    path = write_media(tmp_path / "a.mkv", *clip, codec="aac", codec_rate_hz=48_000, starts_s=60.0)
    lasts_s = len(clip[0]) / clip[1]
    with open_media(path) as media:
        assert media.duration_ms == pytest.approx(lasts_s * 1000, abs=100)
        list(media.blocks())
        assert media.damage is None
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_media(path) as media:
        list(media.blocks())
        assert media.damage is not None
        ends_s, stated_s = map(float, re.findall(r"(\d+\.\d) s", media.damage))
    assert 0 < ends_s < stated_s == pytest.approx(lasts_s, abs=0.1)


@pytest.mark.parametrize("movflags", ["", "frag_keyframe+empty_moov", "frag_keyframe+dash+global_sidx"])
def test_a_whole_mp4_that_begins_late_is_not_taken_for_one_that_was_cut_off(
    tmp_path: Path, clip: tuple[Samples, int], movflags: str
) -> None:
    options = {"movflags": movflags} if movflags else {}
    film = {"picture": True, "starts_s": 7.0, "options": options}
    path = write_media(tmp_path / "a.mp4", *clip, codec="aac", codec_rate_hz=48_000, **film)  # type: ignore[arg-type]
    with open_media(path) as media:
        list(media.blocks())
        assert media.damage is None


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "libmp3lame"), ("a.avi", "pcm_s16le"), ("a.flv", "libmp3lame")]
)
def test_a_whole_file_that_begins_late_is_not_taken_for_one_that_was_cut_off(
    tmp_path: Path, clip: tuple[Samples, int], name: str, codec: str
) -> None:
    """The times of an AVI begin at 0, though its header counts the silence before."""
    path = write_media(tmp_path / name, *clip, codec=codec, codec_rate_hz=44_100, starts_s=20.0)
    with open_media(path) as media:
        list(media.blocks())
        assert media.damage is None


@pytest.mark.parametrize(
    ("name", "stated_at", "unknown"),
    [
        ("a.aiff", (b"COMM", 10), (0x7F00_0000 // 2).to_bytes(4, "big")),
        ("a.au", (b".snd", 8), 0xFFFF_FFFF.to_bytes(4, "big")),
        ("a.caf", (b"data", 4), b"\xff" * 8),
        ("a.avi", (b"strh", 40), 0x4000_0000.to_bytes(4, "little")),
        ("a.flv", (b"duration", 9), bytes(8)),
    ],
)
def test_a_length_that_a_writer_into_a_pipe_did_not_know_is_not_taken_for_one(
    tmp_path: Path, clip: tuple[Samples, int], name: str, stated_at: tuple[bytes, int], unknown: bytes
) -> None:
    codec = {"a.aiff": "pcm_s16be", "a.au": "pcm_s16be", "a.flv": "libmp3lame"}.get(name, "pcm_s16le")
    path = write_media(tmp_path / name, *clip, codec=codec, codec_rate_hz=44_100, layout="mono")
    data = bytearray(path.read_bytes())
    place = data.index(stated_at[0]) + stated_at[1]
    data[place : place + len(unknown)] = unknown
    path.write_bytes(data)
    with open_media(path) as media:
        heard = sum(map(len, media.blocks())) / media.sample_rate_hz
        assert media.damage is None
    assert heard == pytest.approx(len(clip[0]) / clip[1], abs=0.1)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_flac_file_with_a_wrong_byte_is_told_and_keeps_its_times(tmp_path: Path, share: float) -> None:
    """What a frame with a wrong checksum holds is noise, of which a model would make words."""
    data = bytearray((DATA / "eng_three.flac").read_bytes())
    data[int(len(data) * share)] ^= 0xFF
    (tmp_path / "a.flac").write_bytes(data)
    whole, rate_hz = read_audio(DATA / "eng_three.flac")
    with open_media(tmp_path / "a.flac") as media:
        heard = np.concatenate(list(media.blocks()))
        assert media.damage is not None
        assert "packets could not be decoded, the first at " in media.damage
    assert len(heard) == len(whole)
    wrong = np.flatnonzero(np.abs(heard - whole) > 1e-3)
    assert wrong[-1] - wrong[0] < 0.6 * rate_hz, "two frames at most are lost"
    assert not heard[wrong].any(), "they are silent"


@pytest.mark.parametrize("opened", [open_media, open_sound_file])
@pytest.mark.parametrize(
    ("stated_bytes", "is_cut"), [(None, True), (0, False), (0x7FFF_F000, False), (0xFFFF_FFFF, False)]
)
def test_half_a_wav_file_is_told_unless_its_writer_did_not_know_the_length(
    opened: Callable[[Path], AbstractContextManager[OpenMedia]],
    tmp_path: Path,
    clip: tuple[Samples, int],
    stated_bytes: int | None,
    is_cut: bool,
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.tile(clip[0], 2), clip[1])
    data = bytearray(path.read_bytes()[: path.stat().st_size // 2])
    if stated_bytes is not None:
        place = data.index(b"data") + 4
        data[place : place + 4] = stated_bytes.to_bytes(4, "little")
    path.write_bytes(data)
    with opened(path) as media:
        list(media.blocks())
        assert (media.damage is not None and "it was cut off at " in media.damage) == is_cut


def test_a_recording_behind_the_end_of_a_wav_file_is_told(tmp_path: Path, clip: tuple[Samples, int]) -> None:
    """As of ``cat one.wav two.wav``: nothing reads the second one."""
    one, both = tmp_path / "one.wav", tmp_path / "both.wav"
    soundfile.write(one, *clip)
    both.write_bytes(2 * one.read_bytes())
    damage = []
    for path in (one, both):
        with open_media(path) as media:
            list(media.blocks())
            damage.append(media.damage)
    assert damage[0] is None
    assert damage[1] is not None
    assert "another WAV file follows" in damage[1]


def test_a_recording_whose_length_is_an_estimate_is_not_taken_for_cut(tmp_path: Path) -> None:
    """An MP3 of a variable bit rate without a count of its frames seems far longer than it is."""
    samples = np.random.default_rng(0).normal(0, 0.1, 40 * 16_000).astype(np.float32)
    samples[: 20 * 16_000] *= 0
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w", options={"write_xing": "0"}) as container:
        audio = container.add_stream(
            "libmp3lame", rate=16_000, layout="mono", options={"compression_level": "9"}
        )
        assert isinstance(audio, av.AudioStream)
        audio.codec_context.flags |= 2  # of a variable bit rate
        audio.codec_context.global_quality = 118
        shaper = av.AudioResampler("fltp", "mono", 16_000, frame_size=audio.codec_context.frame_size)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        for shaped in (*shaper.resample(frame), *shaper.resample(None), None):
            container.mux(audio.encode(shaped))
    with open_media(path) as media:
        assert media.duration_ms is not None
        assert media.duration_ms > 60_000
        list(media.blocks())
        assert media.damage is None


@pytest.mark.parametrize("opened", [open_media, open_sound_file])
def test_samples_that_are_no_numbers_are_counted_and_silent_and_the_rest_is_heard(
    opened: Callable[[Path], AbstractContextManager[OpenMedia]], tmp_path: Path, clip: tuple[Samples, int]
) -> None:
    samples, rate_hz = clip
    broken = samples.copy()
    broken[rate_hz : rate_hz + 3] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", broken, rate_hz, subtype="FLOAT")
    with opened(tmp_path / "a.wav") as media:
        heard = np.concatenate(list(media.blocks()))
        assert media.damage is not None
        assert media.damage.startswith("is damaged: 3 samples are NaN or infinite, the first at ")
    np.testing.assert_array_equal(heard, np.where(np.isfinite(broken), samples, 0))


@pytest.mark.parametrize("opened", [open_media, open_sound_file])
@pytest.mark.parametrize(("peak", "is_told"), [(1.0, False), (8.0, False), (32_768.0, True)])
def test_floats_in_the_scale_of_integers_are_told_and_a_little_overshoot_is_not(
    opened: Callable[[Path], AbstractContextManager[OpenMedia]],
    tmp_path: Path,
    clip: tuple[Samples, int],
    peak: float,
    is_told: bool,
) -> None:
    samples, rate_hz = clip
    soundfile.write(tmp_path / "a.wav", samples / np.abs(samples).max() * peak, rate_hz, subtype="FLOAT")
    with opened(tmp_path / "a.wav") as media:
        list(media.blocks())
        said = media.damage or ""
    assert ("samples are far beyond full scale (floats reach from -1 to 1), the first at " in said) == is_told
    assert bool(said) == is_told


@pytest.mark.parametrize("opened", [open_media, open_sound_file])
@pytest.mark.parametrize("peak", [9.0, -32_768.0])
def test_a_click_far_beyond_full_scale_is_told_and_a_stream_takes_the_whole_recording(
    opened: Callable[[Path], AbstractContextManager[OpenMedia]],
    tmp_path: Path,
    clip: tuple[Samples, int],
    peak: float,
) -> None:
    samples, rate_hz = clip
    clicked = samples.copy()
    clicked[rate_hz] = peak
    soundfile.write(tmp_path / "a.wav", clicked, rate_hz, subtype="FLOAT")
    encoder = InputEncoder(AudioFormat(Encoding.PCM_F32LE, rate_hz), max_chunk_bytes=1 << 16)
    with opened(tmp_path / "a.wav") as media:
        sent = b"".join(chunk for block in media.blocks() for chunk in encoder.chunks(block))
        assert media.damage is not None
        assert media.damage.startswith("is damaged: 1 samples are far beyond full scale")
    clicked[rate_hz] = np.sign(peak)
    np.testing.assert_array_equal(np.frombuffer(sent, "<f4"), clicked)
