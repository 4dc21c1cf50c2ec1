"""Media from a real pipe."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

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


def _fill(writing: int, data: bytes) -> None:
    with open(writing, "wb") as pipe, contextlib.suppress(BrokenPipeError):
        pipe.write(data)
