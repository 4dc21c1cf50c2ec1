"""Names that are no UTF-8, look like markup or are as long as they may be; full disks; closed streams."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.process import STARTER, environment
from tests.clips import DATA, texts
from tests.full_disk import files_of_at_most

CLIP = DATA / "eng_1.flac"
LATIN_1 = os.fsdecode(b"caf\xe9.flac")
LONGEST = "é" * 124 + "a.flac"  # with the suffix 254 bytes, of 255
BRACKETS = "talk [live].flac"


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    folder = tmp_path / "my talks"
    folder.mkdir()
    for name in (LATIN_1, LONGEST, BRACKETS):
        shutil.copy(CLIP, folder / name)
    (folder / "notes.wav").mkdir()
    return folder


def test_a_batch_translates_files_whatever_they_are_called(
    command: Command, server: str, talks: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ("batch", str(talks), "--to", "es", "--out", str(out), "--server", server)
    code, output, error = command(*arguments)
    assert (code, error) == (0, "")
    assert output.startswith("3 files: 3 translated; ")
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    stems = sorted(name.removesuffix(".flac") for name in (LATIN_1, LONGEST, BRACKETS))
    assert sorted(row["name"] for row in rows) == stems
    assert {row["texts"]["spa"] for row in rows} == {texts("eng_1")["spa"]}
    assert command(*arguments)[1].startswith("3 files: 0 translated, 3 done before\n")


def test_a_name_that_leaves_no_room_for_a_suffix_fails_alone(
    command: Command, server: str, talks: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, output, error = command(
        *("batch", str(talks), "--to", "es", "--out", str(out), "--server", server, "--format", "srt")
    )
    assert (code, output.startswith("3 files: 2 translated, 1 failed; ")) == (1, True)
    assert ".flac: failed: file name too long\n" in error
    assert (out / "talk [live].spa.srt").is_file()
    assert (out / LATIN_1.replace(".flac", ".spa.srt")).is_file()


def test_texts_of_several_files_stand_below_their_names(command: Command, server: str, talks: Path) -> None:
    code, output, error = command("translate", str(talks), "--to", "es", "--server", server)
    assert (code, error) == (0, "")
    headings = [line for line in output.splitlines() if not line.startswith("00:")]
    assert sorted(headings) == sorted([r"caf\udce9.flac", LONGEST, BRACKETS])


def test_a_model_is_told_of_by_its_name_and_why_it_is_broken_in_one_line(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "[b]x").mkdir()
    shutil.copytree(STARTER, tmp_path / "[i]y")
    code, output, _ = command("models", "--model-cache", str(tmp_path), variables={"COLUMNS": "80"})
    lines = output.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines if "MB" in line] == ["[b]x", "[i]y", "starter"]
    assert "[b]x: config.json: is missing" in lines
    assert command("doctor", "--model", str(tmp_path / "[i]y"))[1].count("\n[i]y: ") == 1


@pytest.mark.parametrize(
    ("option", "name"), [("-o", "dub.wav"), ("--subtitles", "cues.srt"), ("--json", "events.jsonl")]
)
def test_a_full_disk_is_told_in_one_line(
    command: Command, server: str, tmp_path: Path, option: str, name: str
) -> None:
    full = tmp_path / name
    full.symlink_to("/dev/full")
    code, _, error = command("translate", str(CLIP), "--to", "es", option, str(full), "--server", server)
    assert (code, error) == (1, "translate-svc: /dev/full: No space left on device\n")


def test_a_key_that_does_not_fit_on_the_disk_leaves_the_key_file_as_it_was(
    command: Command, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    before = "# who may call\n" * 500
    keys.write_text(before, encoding="utf-8")
    with files_of_at_most(len(before) + 20):
        code, output, error = command("keys", "new", "bob", "--file", str(keys))
    assert (code, output, error) == (1, "", f"translate-svc: {keys}: File too large\n")
    assert keys.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("say", "-", "--from", "en"), "text: holds no visible character"),
        (("translate", "-"), "standard input: is not an audio or video file that FFmpeg can read"),
    ],
)
async def test_a_standard_input_that_is_closed_is_an_empty_one(
    server: str, arguments: tuple[str, ...], said: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "translate_svc", *arguments),
        *("--to", "es", "--server", server),
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await process.communicate()
    assert (process.returncode, error.decode()) == (1, f"translate-svc: {said}\n")


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-"])
async def test_a_standard_error_that_is_closed_ends_no_command(closed: str) -> None:
    """Jobs that want no messages close it. What loads a model ended with 1, and nobody could be told why."""
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "translate_svc", "say"),
        *("Good morning.", "--from", "en", "--to", "es", "--model", STARTER),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert (process.returncode, output.decode()) == (0, "Buenos días.\n")


async def test_an_error_is_not_printed_for_a_result() -> None:
    """Python prints to standard output what is for a standard error that is closed."""
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-m", "translate_svc", "translate"),
        *("/nonexistent.wav", "--to", "es"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert (process.returncode, output) == (1, b"")
