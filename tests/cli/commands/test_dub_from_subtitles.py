"""``--subtitles-in``: what is dubbed need not have sound, and the dub ends where it ends."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.cli.output.subtitle_files import read_srt
from tests.clips import DATA, texts
from tests.media import write_media, write_picture

ASKED = ("--from", "en", "--to", "es", "--no-flag-unsure")
CUE = f"1\n00:00:00,400 --> 00:00:02,900\n{texts('eng_1')['eng']}\n\n"
LATE = CUE.replace("00:00:0", "03:00:0")


@pytest.fixture
def silent_film(tmp_path: Path) -> Path:
    path = tmp_path / "silent.mkv"
    with av.open(str(path), "w") as container:
        write_picture(container, 4.0)
    return path


def test_a_film_without_sound_is_dubbed(
    command: Command, server: str, silent_film: Path, tmp_path: Path
) -> None:
    subtitles, film = tmp_path / "film.srt", tmp_path / "film.es.mp4"
    subtitles.write_text(CUE, "utf-8")
    asked = ("translate", str(silent_film), *ASKED, "--server", server)
    code, _, error = command(*asked, "--subtitles-in", str(subtitles), "-o", str(film))
    assert (code, error) == (0, "")
    with av.open(str(film)) as made:
        assert [stream.type for stream in made.streams] == ["video", "audio", "subtitle"]
        assert any(frame.to_ndarray().any() for frame in made.decode(made.streams.audio[0]))
        assert made.duration is not None
        assert abs(made.duration / 1e6 - 4.0) < 0.2

    code, _, error = command(
        *(*asked, "--subtitles-in", str(subtitles), "-o", str(film), "--keep-original", "-18dB")
    )
    assert code == 1
    assert "silent.mkv: has no audio stream" in error


def test_what_begins_after_the_recording_is_left_out(command: Command, server: str, tmp_path: Path) -> None:
    subtitles, dub, written = (tmp_path / name for name in ("late.srt", "dub.wav", "film.srt"))
    subtitles.write_text(CUE + LATE, "utf-8")
    asked = (
        *("translate", str(DATA / "demo_eng.flac"), *ASKED, "--server", server),
        *("--subtitles-in", str(subtitles), "-o", str(dub)),
    )
    code, _, error = command(*asked, "--subtitles", str(written))
    assert code == 0
    said = "late.srt: has a cue at 3:00:00, but demo_eng.flac ends at 0:00:06: what begins later is left out"
    assert said in error
    assert [cue.text for cue in read_srt(written.read_text("utf-8"))] == [texts("eng_1")["spa"]]
    with av.open(str(dub)) as made:
        assert made.duration is not None
        assert made.duration / 1e6 < 7.0

    subtitles.write_text(LATE, "utf-8")
    dub.unlink()
    code, _, error = command(*asked)
    assert code == 1
    assert "late.srt: all its cues begin after the end of demo_eng.flac, at 0:00:06" in error
    assert not dub.exists()


def test_a_length_that_is_estimated_too_short_loses_no_cue(
    command: Command, server: str, tmp_path: Path
) -> None:
    # bare AAC states no length: FFmpeg estimates it by the first packets, here loud ones
    recording, subtitles, dub = (tmp_path / name for name in ("talk.aac", "talk.srt", "dub.wav"))
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * 16_000)
    samples = np.concatenate([noise, np.zeros(30 * 16_000)]).astype(np.float32)
    write_media(recording, samples, 16_000, codec="aac", codec_rate_hz=16_000, layout="mono")
    with av.open(str(recording)) as opened:
        assert opened.duration is not None
        assert opened.duration / 1e6 < 25
    subtitles.write_text(CUE + CUE.replace("00:00:0", "00:00:3"), "utf-8")
    code, _, error = command(
        *("translate", str(recording), *ASKED, "--server", server),
        *("--subtitles-in", str(subtitles), "-o", str(dub)),
    )
    assert (code, error) == (0, "")
    with av.open(str(dub)) as made:
        assert made.duration is not None
        assert made.duration / 1e6 > 31
