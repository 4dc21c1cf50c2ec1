"""`translate` that does not come to its end: what it has translated until then can be read."""

from __future__ import annotations

import asyncio
import os
import struct
from pathlib import Path

import pytest
import soundfile

from tests.cli.output.subtitle_files import read_srt
from tests.cli.process import ROOT, STARTER, run, start
from tests.clips import sentences
from translate_svc.cli.output.growing_texts import GrowingTexts
from translate_svc.cli.output.output_file import OutputFiles
from translate_svc.errors import Unavailable

CLIP = ROOT / "tests" / "data" / "demo_eng.flac"
SENTENCES = [each["translation"] for each in sentences("demo_eng")]
PAUSE_S = 1.0


async def _hidden_file_with_texts(process: asyncio.subprocess.Process, folder: Path) -> Path:
    """Speaks into a pipe without end, until there is a file that holds a cue for each sentence."""
    samples, rate_hz = soundfile.read(CLIP, dtype="int16")
    endless = 0xFFFF_FFFF
    header = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", endless, b"WAVEfmt ", 16, 1, 1, rate_hz, 2 * rate_hz,
                         2, 16, b"data", endless)  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(header)
    while True:
        process.stdin.write(samples.tobytes() + bytes(2 * round(PAUSE_S * rate_hz)))
        await process.stdin.drain()
        await asyncio.sleep(0.5)
        for part in _in(folder):
            if _text(part).count("-->") >= len(SENTENCES):
                return part


def _in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.realtime
async def test_texts_of_a_killed_run_can_be_read_until_the_next_one(tmp_path: Path) -> None:
    target = tmp_path / "film.srt"
    flags = ("--from", "en", "--to", "es", "--model", STARTER, "--subtitles", str(target))
    process = await start("translate", "-", *flags, stdin=asyncio.subprocess.PIPE)
    try:
        part = await asyncio.wait_for(_hidden_file_with_texts(process, tmp_path), 120)
    finally:
        process.kill()
        await process.wait()
    assert _in(tmp_path) == [part]
    assert [" ".join(cue.lines) for cue in read_srt(_text(part))][: len(SENTENCES)] == SENTENCES
    os.utime(part, (0, 0))
    code, _, error = await run("translate", str(CLIP), *flags)
    assert code == 0, error
    assert _in(tmp_path) == [target]
    assert [" ".join(cue.lines) for cue in read_srt(_text(target))] == SENTENCES


def _written_half(target: Path, error: BaseException) -> list[Path]:
    """Writes a text that grows, until ``error``. What is kept."""
    opened = OutputFiles()

    def write() -> None:
        with opened as files:
            part, empty = files.add(target, grows=True), files.add(target.with_suffix(".vtt"), grows=True)
            files.at_failure(GrowingTexts(lambda: [(part, "half"), (empty, "")]).keep)
            raise error

    with pytest.raises(type(error)):
        write()
    return opened.kept


@pytest.mark.parametrize("ended_by", [Unavailable("lost"), asyncio.CancelledError(), KeyboardInterrupt()])
def test_what_was_translated_until_a_run_ended_is_kept(tmp_path: Path, ended_by: BaseException) -> None:
    (part,) = _written_half(tmp_path / "film.srt", ended_by)
    assert _text(part) == "half"
    assert _in(tmp_path) == [part]
    os.utime(part, (0, 0))
    with OutputFiles() as files:
        files.add(tmp_path / "film.srt", grows=True).write_text("whole")
    assert not files.kept
    assert [_text(each) for each in _in(tmp_path)] == ["whole"]
