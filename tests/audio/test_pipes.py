"""Media from a real pipe."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile

from tests.media import write_media
from translate_svc.audio.containers import open_media
from translate_svc.audio.files import read_audio
from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples

CLIP = Path(__file__).parents[1] / "data" / "eng_three.flac"


@pytest.fixture(scope="module")
def clip() -> tuple[Samples, int]:
    return read_audio(CLIP)


def test_an_mp4_whose_index_is_at_its_end_says_so_in_a_pipe(
    tmp_path: Path, clip: tuple[Samples, int]
) -> None:
    for name, options in (("end.mp4", {}), ("front.mp4", {"movflags": "faststart"})):
        path = write_media(tmp_path / name, *clip, codec="aac", codec_rate_hz=16_000, options=options)
        reading, writing = os.pipe()
        threading.Thread(target=_fill, args=(writing, path.read_bytes()), daemon=True).start()
        with open(reading, "rb", buffering=0) as pipe:
            if options:
                with open_media(pipe, "standard input") as media:
                    assert sum(map(len, media.blocks())) > len(clip[0]) * 0.95
            else:
                with (
                    pytest.raises(InvalidArgument, match="index stands at its end"),
                    open_media(pipe, "standard input"),
                ):
                    pytest.fail("a pipe cannot go back")


def test_an_mp4_that_was_cut_off_says_so(tmp_path: Path, clip: tuple[Samples, int]) -> None:
    path = write_media(tmp_path / "a.mp4", *clip, codec="aac", codec_rate_hz=16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidArgument, match="was cut off: its index"), open_media(path):
        pytest.fail("it has no index")


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("kind", ["pipe", "named pipe", "file"])
def test_of_a_wav_that_comes_all_is_heard_and_a_cut_is_told(tmp_path: Path, kind: str, share: float) -> None:
    """As where a download breaks off: the header says how much was to come."""
    samples, rate_hz = np.linspace(0, 0.5, 480_000, dtype=np.float32), 16_000
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    data = path.read_bytes()
    held = data[: round(len(data) * share)]
    path.write_bytes(held)
    with contextlib.ExitStack() as opened:
        if kind == "file":
            source: Path | BinaryIO = opened.enter_context(path.open("rb"))
        elif kind == "named pipe":
            source = fifo = tmp_path / "fifo.wav"
            os.mkfifo(fifo)
            threading.Thread(target=fifo.write_bytes, args=(held,), daemon=True).start()
        else:
            reading, writing = os.pipe()
            threading.Thread(target=_fill, args=(writing, held), daemon=True).start()
            source = opened.enter_context(open(reading, "rb", buffering=0))
        media = opened.enter_context(open_media(source, "a.wav"))
        heard = np.concatenate(list(media.blocks()))
        np.testing.assert_array_equal(heard, samples[: len(heard)])
        assert len(heard) == pytest.approx(len(samples) * share, abs=100)
        damage = media.damage or ""
    assert damage == ("" if share == 1 else "is damaged: it was cut off at 15.0 s of 30.0 s")


def _fill(writing: int, data: bytes) -> None:
    with open(writing, "wb") as pipe, contextlib.suppress(BrokenPipeError):
        pipe.write(data)
