"""``translate-svc translate``: which sound of a file is heard, and what reads the file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from tests.cli.conftest import Command
from tests.cli.process import ROOT
from tests.clips import sentences
from translate_svc.audio.files import read_audio

DATA = ROOT / "tests" / "data"
CLIP = DATA / "demo_eng.flac"
SPANISH = [each["translation"] for each in sentences("demo_eng")]


def _write_film(path: Path) -> None:
    """Its first track is a French dub, its default track the English original."""
    kinds = av.stream.Disposition
    with av.open(str(path), "w") as container:
        tracks = []
        for name, language in (("demo_fra", "fre"), ("demo_eng", "eng")):
            samples, rate_hz = read_audio(DATA / f"{name}.flac")
            stream = container.add_stream("flac", rate=rate_hz, layout="mono")
            assert isinstance(stream, av.AudioStream)
            stream.metadata["language"] = language
            stream.disposition = kinds.default if language == "eng" else kinds(0)
            tracks.append((stream, np.round(samples * 32767).astype(np.int16)))
        for stream, pcm in tracks:
            frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = stream.rate, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def test_the_track_of_the_source_language_is_translated_and_named(
    command: Command, server: str, tmp_path: Path
) -> None:
    path = tmp_path / "film.mkv"
    _write_film(path)
    arguments = ("translate", str(path), "--to", "es", "--server", server)
    for flags, track in (
        (("--from", "en"), "track 2 (English, 1 channel, default)"),
        (("--from", "fr"), "track 1 (French, 1 channel)"),
        (("--audio-track", "1"), "track 1 (French, 1 channel)"),
    ):
        code, output, error = command(*arguments, *flags)
        assert (code, error.splitlines()[-1]) == (0, f"translate-svc: film.mkv: {track}")
        if "en" in flags:
            assert [line[18:] for line in output.splitlines()] == SPANISH


def test_a_call_with_a_party_on_each_side_is_noticed(command: Command, server: str, tmp_path: Path) -> None:
    english, rate_hz = read_audio(CLIP)
    french, _ = read_audio(DATA / "demo_fra.flac")
    left, right = np.zeros((2, len(english) + len(french)), np.float32)
    left[: len(english)], right[len(english) :] = english, french
    soundfile.write(tmp_path / "call.wav", np.stack([left, right], axis=1), rate_hz)
    arguments = ("translate", str(tmp_path / "call.wav"), "--from", "en", "--to", "es", "--server", server)
    hint = (
        "two people, one on each side, were heard mixed into one; to translate them apart: "
        "--speakers-by-channel; to hear one alone: --channel left or right"
    )
    code, _, error = command(*arguments)
    assert (code, error.splitlines()[-1]) == (0, f"translate-svc: call.wav: {hint}")
    code, _, error = command("batch", *arguments[1:], "--out", str(tmp_path / "out"))
    assert (code, error.splitlines()[-1]) == (0, f"translate-svc: {tmp_path}/call.wav: {hint}")
    code, output, error = command(*arguments, "--channel", "left")
    assert (code, hint in error) == (0, False)
    assert [line[18:] for line in output.splitlines()] == SPANISH


def test_without_pyav_libsndfile_reads_what_it_can(
    command: Command, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    code, output, _ = command("translate", str(CLIP), "--from", "en", "--to", "es", "--server", server)
    assert code == 0
    assert [line[18:] for line in output.splitlines()] == SPANISH
    code, _, error = command("translate", "Makefile", "--to", "es", "--server", server)
    assert (code, error) == (1, "translate-svc: av is missing: pip install 'translate-svc[media]'\n")


def test_a_film_is_not_made_from_a_pipe_which_can_be_read_once(command: Command, tmp_path: Path) -> None:
    """The command would translate the pipe, and then wait for another one to copy the picture from."""
    pipe, film = tmp_path / "pipe.mkv", tmp_path / "film.mkv"
    os.mkfifo(pipe)
    code, output, error = command("translate", str(pipe), "--from", "en", "--to", "es", "-o", str(film))
    assert (code, output) == (2, "")
    assert error.startswith("translate-svc: --output: a film reads its input twice: ")
