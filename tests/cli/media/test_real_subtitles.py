"""Subtitles of real output keep the usual rules: speech through the starter into all its languages."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from tests.cli.conftest import Command
from tests.cli.output.subtitle_files import read_srt
from tests.clips import DATA, sentences
from translate_svc.audio.files import read_audio, write_wav
from translate_svc.subtitles.cues import CELLS_PER_S, GAP_MS, MAX_CUE_MS, Cue
from translate_svc.subtitles.line_breaks import LINE_CELLS

CLIPS = ("eng_three", "demo_eng", "eng_two", "eng_1", "eng_2", "eng_3")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """Utterances of one to three sentences with pauses of a second, and where each clip's speech starts."""
    rate_hz = read_audio(DATA / "eng_1.flac")[1]
    parts, starts_ms, length = [], [], 0
    for name in CLIPS:
        samples, clip_rate_hz = read_audio(DATA / f"{name}.flac")
        assert clip_rate_hz == rate_hz
        starts_ms.append(length * 1000 // rate_hz + sentences(name)[0]["start_ms"])
        parts += [samples, np.zeros(rate_hz, np.float32)]
        length += len(samples) + rate_hz
    path = tmp_path_factory.mktemp("film") / "film.wav"
    write_wav(path, np.concatenate(parts), rate_hz)
    return path, starts_ms


def check_rules(cues: list[Cue]) -> None:
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        assert all(cell_len(line) <= LINE_CELLS for line in cue.lines)
        assert cue.end_ms - cue.start_ms <= MAX_CUE_MS
        if len(cue.lines) == 2:
            upper, lower = cue.lines
            assert min(len(upper.split()), len(lower.split())) > 1, "no line of a single word"
            assert min(len(upper), len(lower)) >= 0.4 * max(len(upper), len(lower)), "balanced"
    for before, after in pairwise(cues):
        assert after.start_ms - before.end_ms >= GAP_MS
        room_ms = after.start_ms - GAP_MS - before.start_ms
        if room_ms >= len(before.text) * 1000 / CELLS_PER_S:
            assert len(before.text) * 1000 / (before.end_ms - before.start_ms) <= CELLS_PER_S + 0.1


def test_the_rules_hold_for_every_language(
    command: Command, server: str, film: tuple[Path, list[int]], tmp_path: Path
) -> None:
    path, starts_ms = film
    code, output, _ = command(
        *("translate", str(path), "--from", "en", "--to", "es,fr,de", "--transcript", "--server", server),
        *("--format", "srt,txt", "--output-dir", str(tmp_path / "out"), "--no-flag-unsure"),
    )
    assert code == 0
    names = {
        f"film.{language}.{form}" for language in ("eng", "spa", "fra", "deu") for form in ("srt", "txt")
    }
    assert set(os.listdir(tmp_path / "out")) == names
    for language in ("eng", "spa", "fra", "deu"):
        cues = read_srt((tmp_path / "out" / f"film.{language}.srt").read_text("utf-8"))
        check_rules(cues)
        said = [line.split(f"  {language}  ")[1] for line in output.splitlines() if f"  {language}  " in line]
        assert " ".join(cue.text for cue in cues) == " ".join(said)
        ends = sum(cue.text.endswith((".", "?", "!")) for cue in cues)
        assert ends >= 0.8 * len(cues), "cues end with sentences"
        found_ms = [cue.start_ms for cue in cues]
        for start_ms in starts_ms:
            assert min(abs(start_ms - each) for each in found_ms) <= 120, "a cue starts where speech starts"


def test_several_inputs_and_a_directory_have_their_files_and_one_that_fails_does_not_stop_the_rest(
    command: Command, server: str, tmp_path: Path
) -> None:
    folder = tmp_path / "talks"
    folder.mkdir()
    for name in ("eng_1", "eng_2"):
        (folder / f"{name}.flac").write_bytes((DATA / f"{name}.flac").read_bytes())
    (folder / "notes.txt").write_text("no media")
    (folder / "torn.mp3").write_text("no media either")
    other = tmp_path / "other.flac"
    other.write_bytes((DATA / "eng_3.flac").read_bytes())
    code, output, error = command(
        *("translate", str(folder), str(other), "--from", "en", "--to", "es", "--server", server),
        *("--format", "vtt,wav,json", "--output-dir", str(tmp_path / "out")),
    )
    assert code == 1
    assert "torn.mp3: is not an audio or video file" in error
    assert error.splitlines()[-1] == "translate-svc: 1 of 4 files were not translated whole"
    assert [line for line in output.splitlines() if line.endswith(".flac")] == [
        "eng_1.flac",
        "eng_2.flac",
        "other.flac",
    ]
    stems, forms = ("eng_1", "eng_2", "other"), ("vtt", "wav", "json")
    assert set(os.listdir(tmp_path / "out")) == {f"{stem}.spa.{form}" for stem in stems for form in forms}
