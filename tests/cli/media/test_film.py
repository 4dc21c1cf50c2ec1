"""A dub in a copy of the film: its tracks, their languages, subtitles, loudness, untouched tracks."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from tests.cli.conftest import Command
from tests.clips import DATA, sentences
from tests.media import write_media
from translate_svc.audio.files import read_audio
from translate_svc.cli.output.loudness import TARGET_LUFS

DUB_RATE_HZ = 48_000


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sentences that begin 1.5 s into the picture, in stereo."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    clip = read_audio(DATA / "demo_eng.flac")
    return write_media(path, *clip, codec="aac", codec_rate_hz=44_100, picture=True, starts_s=1.5)


def packets(path: Path, kind: str, number: int = 0) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = [each for each in container.streams if each.type == kind][number]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def samples(path: Path, number: int) -> npt.NDArray[np.float32]:
    """One audio track ``[channels, n]`` from its first sample on."""
    shaper = av.AudioResampler(format="fltp")
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.audio[number])
        return np.concatenate(
            [each.to_ndarray() for frame in frames for each in shaper.resample(frame)], axis=1
        )


def starts_s(path: Path, number: int) -> float:
    """Where an audio track begins in its film."""
    with av.open(str(path)) as container:
        return next(container.decode(container.streams.audio[number])).time or 0.0


def lufs_by_ffmpeg(planes: npt.NDArray[np.float32], rate_hz: int) -> float:
    """FFmpeg's own measurement of ``[channels, n]``."""
    layout = "mono" if len(planes) == 1 else "stereo"
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=rate_hz, format="fltp", layout=layout, time_base=Fraction(1, rate_hz)
    )
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
    source.push(frame)
    source.push(None)
    found = None
    while True:
        try:
            found = sink.pull().metadata.get("lavfi.r128.I", found)  # the last piece may be too short for it
        except (EOFError, BlockingIOError, av.FFmpegError):
            break
    assert found is not None
    return float(found)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_dub_is_a_track_of_the_film_beside_its_own(
    command: Command, server: str, film: Path, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"film.es{suffix}"
    code, _, _ = command(
        *("translate", str(film), "--from", "en", "--to", "es,de", "--transcript", "--server", server),
        *("-o", str(output)),
    )
    assert code == 0
    assert os.listdir(tmp_path) == [output.name], "nothing else is left"
    with av.open(str(output)) as made:
        kinds = [(stream.type, stream.metadata.get("language")) for stream in made.streams]
        default = [
            bool(stream.disposition & av.stream.Disposition.default)
            for kind in ("audio", "subtitle")
            for stream in made.streams
            if stream.type == kind
        ]
        lasts_s = (made.duration or 0) / 1e6
    assert [kind for kind, _ in kinds].count("audio") == 3
    assert [language for kind, language in kinds if kind == "audio"][1:] == ["spa", "deu"]
    assert [language for kind, language in kinds if kind == "subtitle"] == ["spa", "deu", "eng"]
    assert default == [False, True, False, True, False, False]
    assert lasts_s == pytest.approx(1.5 + soundfile.info(DATA / "demo_eng.flac").duration, abs=1.5)
    assert packets(output, "video") == packets(film, "video"), "the picture is not encoded again"
    assert packets(output, "audio") == packets(film, "audio"), "nor is the original"
    said = b" ".join(packets(output, "subtitle")).decode("utf-8", "replace")
    said = said.replace("\n", " ").replace("\\N", " ")
    for each in sentences("demo_eng"):
        for words in each["translation"].split()[:3]:
            assert words in said

    dub = samples(output, 1)
    start_s = sentences("demo_eng")[0]["start_ms"] / 1000 + 1.5
    heard = np.abs(dub).max(axis=0) > 0.01
    assert np.argmax(heard) / DUB_RATE_HZ == pytest.approx(start_s, abs=0.35)
    assert lufs_by_ffmpeg(dub, DUB_RATE_HZ) == pytest.approx(TARGET_LUFS, abs=1.0)


@pytest.mark.parametrize(
    ("flags", "languages"),
    [(("--to", "es", "--text"), ["spa"]), (("--transcript",), ["eng"])],
    ids=["translated", "in its own language"],
)
def test_a_film_may_have_subtitles_without_a_dub(
    command: Command, server: str, film: Path, tmp_path: Path, flags: tuple[str, ...], languages: list[str]
) -> None:
    output = tmp_path / "film.mkv"
    code, _, _ = command(
        *("translate", str(film), "--from", "en", *flags, "--server", server, "-o", str(output))
    )
    assert code == 0
    assert os.listdir(tmp_path) == [output.name], "nothing else is left"
    with av.open(str(output)) as made:
        (sound,) = made.streams.audio
        titles = made.streams.subtitles
        assert sound.disposition & av.stream.Disposition.default, "players play it"
        assert [each.metadata["language"] for each in titles] == languages
    assert packets(output, "audio") == packets(film, "audio")
    assert packets(output, "video") == packets(film, "video")


@pytest.mark.parametrize(
    ("suffix", "codec", "rate_hz"),
    [
        (".wav", "pcm_s16le", 16_000),
        (".flac", "flac", 16_000),
        (".mp3", "mp3float", 48_000),
        (".m4a", "aac", 48_000),
        (".opus", "opus", 48_000),
        (".ogg", "opus", 48_000),
        (".webm", "opus", 48_000),
    ],
)
def test_a_dub_alone_is_as_loud_as_the_standard_says_in_any_container(
    command: Command, server: str, tmp_path: Path, suffix: str, codec: str, rate_hz: int
) -> None:
    output = tmp_path / f"dub{suffix}"
    asked = ("--from", "en", "--to", "es", "--server", server, "-o", str(output))
    code, _, error = command("translate", str(DATA / "demo_eng.flac"), *asked)
    assert (code, error) == (0, "")
    assert os.listdir(tmp_path) == [output.name]
    with av.open(str(output)) as made:
        assert [(each.codec_context.name, each.rate) for each in made.streams.audio] == [(codec, rate_hz)]
    heard = samples(output, 0)
    assert heard.shape[1] / rate_hz == pytest.approx(soundfile.info(DATA / "demo_eng.flac").duration, abs=0.1)
    assert lufs_by_ffmpeg(heard, rate_hz) == pytest.approx(TARGET_LUFS, abs=1.0)


def _humming(path: Path) -> Path:
    """17.7 s of a hum, with speech from 3 s to 9.7 s."""
    clip, rate_hz = read_audio(DATA / "demo_eng.flac")
    whole = np.concatenate([np.zeros(3 * rate_hz, np.float32), clip, np.zeros(8 * rate_hz, np.float32)])
    hum = 0.02 * np.sin(2 * np.pi * 60 * np.arange(len(whole)) / rate_hz).astype(np.float32)
    return write_media(path, whole + hum, rate_hz, codec="flac", codec_rate_hz=48_000)


def _hum_level(track: npt.NDArray[np.float32], start_s: float) -> float:
    """In half a second of a track at 48 kHz."""
    piece = track[0, int(start_s * 48_000) : int((start_s + 0.5) * 48_000)]
    return float(np.abs(np.fft.rfft(piece * np.hanning(len(piece)))[30]))


def test_the_original_is_heard_under_the_dub(command: Command, server: str, tmp_path: Path) -> None:
    """In pauses the hum of the film is as loud as it was, under the dub it is not."""
    film, output = _humming(tmp_path / "film.mkv"), tmp_path / "dubbed.mkv"
    code, _, _ = command(
        *("translate", str(film), "--from", "en", "--to", "es", "--server", server),
        *("-o", str(output), "--keep-original", "-18dB"),
    )
    assert code == 0
    original, dub = samples(output, 0), samples(output, 1)
    assert _hum_level(dub, 1.0) == pytest.approx(_hum_level(original, 1.0), rel=0.15), "nobody speaks yet"
    fallen_db = 20 * np.log10(_hum_level(dub, 4.5) / _hum_level(original, 4.5))
    assert fallen_db == pytest.approx(-18, abs=3)


def test_the_original_under_the_dub_pauses_where_the_film_has_no_sound(
    command: Command, server: str, tmp_path: Path
) -> None:
    """A recording that was paused: by its timestamps there is no sound from 12 s to 16 s."""
    film, output = tmp_path / "film.mkv", tmp_path / "dubbed.mkv"
    with av.open(str(_humming(tmp_path / "whole.mkv"))) as whole, av.open(str(film), "w") as paused:
        copy = paused.add_stream_from_template(whole.streams.audio[0])
        for packet in whole.demux(audio=0):
            if packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                later = round(4 / packet.time_base) if packet.pts * packet.time_base >= 12 else 0
                packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, copy
                paused.mux(packet)
    code, _, _ = command(
        *("translate", str(film), "--from", "en", "--to", "es", "--server", server),
        *("-o", str(output), "--keep-original", "-18dB"),
    )
    assert code == 0
    dub = samples(output, 1)
    heard = {at_s: _hum_level(dub, at_s) / _hum_level(dub, 1.0) for at_s in (11.0, 13.0, 15.0, 17.0, 20.0)}
    assert heard == {
        at_s: pytest.approx(level, abs=0.15)
        for at_s, level in ((11.0, 1), (13.0, 0), (15.0, 0), (17.0, 1), (20.0, 1))
    }


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_part_of_a_film_has_picture_original_and_dub_together(
    command: Command, server: str, film: Path, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"part{suffix}"
    asked = ("--from", "en", "--to", "es", "--server", server, "-o", str(output))
    code, said, _ = command("translate", str(film), *asked, "--start", "4.5", "--duration", "3.5")
    assert (code, said[12:-1]) == (0, f" spa  {sentences('demo_eng')[1]['translation']}")
    with av.open(str(output)) as made:
        assert (made.duration or 0) / 1e6 == pytest.approx(3.5, abs=1.3), "with the key frame before"
    heard_s = [
        np.argmax(np.abs(samples(output, track)).max(axis=0) > 0.02) / rate_hz + starts_s(output, track)
        for track, rate_hz in ((0, 44_100), (1, DUB_RATE_HZ))
    ]
    assert heard_s[0] == pytest.approx(heard_s[1], abs=0.15)


def test_what_a_container_cannot_hold_is_told(command: Command, server: str, tmp_path: Path) -> None:
    clip = read_audio(DATA / "eng_1.flac")
    film = write_media(tmp_path / "a.mkv", *clip, codec="wavpack", codec_rate_hz=16_000)
    code, _, error = command(
        "translate",
        str(film),
        "--from",
        "en",
        "--to",
        "es",
        "--server",
        server,
        "-o",
        str(tmp_path / "o.mp4"),
    )
    assert code == 1
    assert "wavpack" in error
    assert os.listdir(tmp_path) == ["a.mkv"], "never half a film"
