"""Output: speech in its place, and files that are complete or absent."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from translate_svc.cli.interrupts import remove_leftovers
from translate_svc.cli.output.output_file import OutputFiles, output_file, path_for
from translate_svc.cli.output.speech_timeline import SpeechTimeline, write_stereo
from translate_svc.errors import InvalidArgument
from translate_svc.types import SampleRange, SpeechChunk

RATE_HZ = 8_000
"""Of the source; the speech has 16 kHz."""


def _chunk(start_sample: int, samples: int, level: int) -> SpeechChunk:
    data = np.full(samples, level, "<i2").tobytes()
    return SpeechChunk(0, SampleRange(0, 1), "spa", start_sample, data, False)


def test_speech_lies_where_it_was_said_or_behind_the_speech_before(tmp_path: Path) -> None:
    path = tmp_path / "o.wav"
    track = SpeechTimeline(path, RATE_HZ)
    # said at 1 s, spoken for 2 s in two chunks; the next, said at 2 s, has to wait; the last, at 5 s, has not
    track.add(_chunk(0, 16_000, 1), RATE_HZ)
    track.add(_chunk(16_000, 16_000, 2), RATE_HZ)
    track.add(_chunk(0, 8_000, 3), 2 * RATE_HZ)
    track.add(_chunk(0, 4_000, 4), 5 * RATE_HZ)
    track.finish(6 * RATE_HZ)
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 16_000
    runs = [(0, 16_000), (1, 16_000), (2, 16_000), (3, 8_000), (0, 24_000), (4, 4_000), (0, 12_000)]
    expected = np.concatenate([np.full(count, level) for level, count in runs])
    np.testing.assert_array_equal(samples, expected)


def test_a_track_without_speech_is_as_long_as_its_source(tmp_path: Path) -> None:
    track = SpeechTimeline(tmp_path / "o.wav", RATE_HZ)
    track.finish(3 * RATE_HZ + 1)
    samples, _ = soundfile.read(tmp_path / "o.wav", dtype="int16")
    np.testing.assert_array_equal(samples, np.zeros(48_002, np.int16))


def test_two_tracks_of_different_lengths_become_one_file(tmp_path: Path) -> None:
    paths = [tmp_path / "left.wav", tmp_path / "right.wav"]
    for path, seconds, level in ((paths[0], 1, 1), (paths[1], 3, 2)):
        track = SpeechTimeline(path, RATE_HZ)
        track.add(_chunk(0, seconds * 16_000, level), 0)
        track.finish(2 * RATE_HZ)
    write_stereo(tmp_path / "o.wav", paths)
    samples, rate_hz = soundfile.read(tmp_path / "o.wav", dtype="int16")
    assert (rate_hz, len(samples)) == (16_000, 48_000)
    np.testing.assert_array_equal(samples[:, 0], np.repeat([1, 0, 0], 16_000))
    np.testing.assert_array_equal(samples[:, 1], np.full(48_000, 2))


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "o.txt"
    path.write_text("old")
    with output_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["o.txt"]


def test_what_a_killed_run_left_is_removed_but_not_what_another_one_writes(tmp_path: Path) -> None:
    left, near, other = (tmp_path / name for name in (".o.wav.7.part", ".o.wav.8.part", ".other.wav.7.part"))
    for path in (left, near, other):
        path.touch()
    os.utime(left, (0, 0))
    os.utime(other, (0, 0))
    with output_file(tmp_path / "o.wav") as part:
        assert sorted(tmp_path.iterdir()) == sorted([near, other, part])
        os.utime(part, (0, 0))
        remove_leftovers(tmp_path, ".o.wav.*.part")
        assert part.exists()
        part.touch()


@pytest.mark.parametrize("existed", [False, True])
def test_a_run_that_fails_leaves_what_was_there(tmp_path: Path, existed: bool) -> None:
    path = tmp_path / "o.txt"
    if existed:
        path.write_text("old")

    def interrupted() -> None:
        with output_file(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [each.read_text() for each in tmp_path.iterdir()] == (["old"] if existed else [])


def test_what_is_no_file_is_written_to_and_not_replaced() -> None:
    with output_file(Path("/dev/null")) as part:
        part.write_text("gone")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent/o.wav", "its folder does not exist"),
        (".", "is a directory"),
        ("file/o.wav", "its folder does not"),
    ],
)
def test_where_nothing_can_be_written_is_told_before_any_work(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument, match=said), output_file(tmp_path / name):
        pytest.fail("nothing can be written here")


def test_a_flag_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--json --inspect`` wrote a file of that name."""
    monkeypatch.chdir(tmp_path)
    with OutputFiles() as files, pytest.raises(InvalidArgument, match="is a flag") as refused:
        files.add(Path("--inspect"))
    assert refused.value.field == "--inspect"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("link", ["itself", "absent folder", "symbolic link", "hard link"])
def test_an_output_never_replaces_an_input(tmp_path: Path, link: str) -> None:
    source, output = tmp_path / "film.wav", tmp_path / "o.wav"
    source.write_text("film")
    if link == "itself":
        output = tmp_path / "." / "film.wav"
    elif link == "absent folder":
        output = tmp_path / "absent" / ".." / "film.wav"
    elif link == "symbolic link":
        output.symlink_to(source)
    else:
        output.hardlink_to(source)
    with OutputFiles([source]) as files:
        (tmp_path / "first").write_text("old")
        files.add(tmp_path / "first").write_text("new")
        with pytest.raises(InvalidArgument, match="is the input"):
            files.add(output)
        with pytest.raises(InvalidArgument, match="would be written twice"):
            files.add(tmp_path / "first")
        files.add(Path("/dev/null"))
        files.add(Path("/dev/null"))
    assert source.read_text() == "film"
    assert (tmp_path / "first").read_text() == "new"


def test_several_languages_have_a_file_each() -> None:
    assert path_for(Path("a/out.wav"), "spa", several=True) == Path("a/out.spa.wav")
    assert path_for(Path("a/out.wav"), "spa", several=False) == Path("a/out.wav")
