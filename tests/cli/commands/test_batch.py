"""``translate-svc batch``: many files in, results out, and again after anything that can stop it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.cli.conftest import Command
from tests.cli.output.subtitle_files import read_srt
from tests.cli.process import NOTICE, ROOT, STARTER, environment, start
from tests.clips import sentences, texts
from translate_svc.cli.commands.batch import engine_room
from translate_svc.config import Settings
from translate_svc.session.options import SessionOptions

DATA = ROOT / "tests" / "data"
CLIPS = ("eng_1", "eng_2", "deu_1", "deu_2", "fra_1", "fra_2", "spa_1", "eng_3")


def _folder(root: Path, *names: str) -> Path:
    root.mkdir()
    for name in names:
        shutil.copy(DATA / f"{name}.flac", root)
    return root


def _rows(out: Path) -> dict[str, dict[str, Any]]:
    lines = (out / "results.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({row["name"] for row in rows}) == len(rows), "each file has one row"
    return {row["name"]: row for row in rows}


def _records(out: Path) -> dict[str, int]:
    """When the record of each file that is done was written."""
    found = {}
    for path in (out / ".journal" / "files").rglob("*.json"):
        if json.loads(path.read_text(encoding="utf-8"))["status"] == "done":
            found[path.stem] = path.stat().st_mtime_ns
    return found


def test_a_bad_file_stops_no_other_and_is_tried_again(command: Command, tmp_path: Path) -> None:
    folder, out = _folder(tmp_path / "talks", "eng_1", "demo_eng"), tmp_path / "out"
    (folder / "sub").mkdir()
    (folder / "sub" / "broken.wav").write_bytes(b"RIFF, or so it says")
    arguments = ("batch", str(folder), "--to", "spa,fra", "--out", str(out), "--model", STARTER)
    code, output, error = command(*arguments, "--format", "srt,wav", "--from", "en", "--transcript")
    assert code == 1
    assert output.startswith("3 files: 2 translated, 1 failed; 0:00:09 of audio in 0:0")
    # beside how far it is, which a slow run tells
    assert [line for line in error.splitlines() if " files, " not in line] == [
        f"translate-svc: {folder}/sub/broken.wav: failed: is not an audio or video file that FFmpeg can read",
        "translate-svc: 1 of 3 files were not translated whole",
    ]
    names = [f"eng_1.{part}" for part in ("eng.srt", "fra.srt", "fra.wav", "spa.srt", "spa.wav")]
    assert sorted(path.name for path in out.glob("eng_1.*")) == names
    assert not list(out.rglob("*.part"))
    rows = _rows(out)
    assert [row["status"] for row in rows.values()] == ["done", "done", "failed"]
    assert rows["demo_eng"]["texts"] == {
        "eng": " ".join(each["transcript"] for each in sentences("demo_eng")),
        "spa": " ".join(each["translation"] for each in sentences("demo_eng")),
        "fra": texts("demo_eng")["fra"],
    }
    assert rows["demo_eng"]["outputs"]["demo_eng.spa.wav"] == (out / "demo_eng.spa.wav").stat().st_size
    assert len(read_srt((out / "demo_eng.spa.srt").read_text(encoding="utf-8"))) == 2
    assert soundfile.info(out / "eng_1.spa.wav").duration == pytest.approx(
        soundfile.info(DATA / "eng_1.flac").duration, abs=1.5
    )

    shutil.copy(DATA / "eng_2.flac", folder / "sub" / "broken.wav")
    before = _records(out)
    code, output, error = command(*arguments, "--format", "srt,wav", "--from", "en", "--transcript")
    assert (code, error) == (0, "")
    assert output.startswith("3 files: 1 translated, 2 done before; ")
    assert _records(out) | before == _records(out), "what was done is left alone"
    assert _rows(out)["sub/broken"]["texts"]["spa"] == texts("eng_2")["spa"]


def test_what_may_be_missing_of_files_that_are_done_is_told(
    command: Command, server: str, tmp_path: Path
) -> None:
    folder, out = _folder(tmp_path / "talks", "eng_1", "silence"), tmp_path / "out"
    speech, rate_hz = soundfile.read(DATA / "spa_two.flac")
    soundfile.write(folder / "backwards.wav", speech[::-1], rate_hz)
    code, _, error = command("batch", str(folder), "--to", "eng", "--out", str(out), "--server", server)
    assert code == 0
    assert sorted(line for line in error.splitlines() if str(folder) in line) == [
        f"translate-svc: {folder}/backwards.wav: of 2 utterances 2 without a text",
        f"translate-svc: {folder}/silence.flac: no speech was found",
    ]
    assert _rows(out)["backwards"]["hint"] == "of 2 utterances 2 without a text"


def test_a_manifest_with_references_is_scored(command: Command, server: str, tmp_path: Path) -> None:
    out, manifest = tmp_path / "out", tmp_path / "set.jsonl"
    rows = [
        {"path": str(DATA / f"{name}.flac"), "source": name[:3], "targets": to, "reference": texts(name)[to]}
        for name, to in (("eng_1", "spa"), ("deu_1", "eng"), ("fra_1", "eng"))
    ]
    rows[0]["reference"] += " Y nada de esto se ha dicho."
    manifest.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    code, output, error = command("batch", str(manifest), "--out", str(out), "--server", server)
    assert (code, error) == (0, "")
    scored = {each["language"]: each for each in json.loads((out / "scores.json").read_text("utf-8"))}
    assert (scored["eng"]["bleu"], scored["eng"]["files"]) == (100, 2)
    assert scored["spa"]["chrf"] < 90
    assert "eng: BLEU 100.0, chrF 100.0 (2 files)\n" in output
    assert {name: list(row["texts"]) for name, row in _rows(out).items()} == {
        "deu_1": ["eng"],
        "eng_1": ["spa"],
        "fra_1": ["eng"],
    }


def test_wrong_use_is_told_before_any_work(command: Command, server: str, tmp_path: Path) -> None:
    folder, out = _folder(tmp_path / "talks", "eng_1"), tmp_path / "out"
    clip = str(folder / "eng_1.flac")
    for arguments, message in (
        (("--to", "elvish"), "--to: no language is called 'elvish'"),
        ((), "--to: is needed"),
        (("--to", "spa", "--format", "doc"), "--format: 'doc' is none of"),
        (("--to", "spa", "--shard", "2/2"), "--shard: must be NUMBER/COUNT"),
        (("--to", "spa", "--json-audio"), "--json-audio: needs --format jsonl"),
    ):
        code, _, error = command("batch", clip, "--out", str(out), "--server", server, *arguments)
        assert (code, error.splitlines()[-1][: len(message) + 15]) == (2, f"translate-svc: {message}")
    assert not out.exists()


def test_a_folder_or_document_that_cannot_be_used_is_wrong_use(
    command: Command, server: str, tmp_path: Path
) -> None:
    folder, empty = _folder(tmp_path / "talks", "eng_1"), _folder(tmp_path / "empty")
    clip, document, text = folder / "eng_1.flac", folder / "talk.pdf", folder / "talk.txt"
    document.touch()
    text.write_text("Where is the station?\n")
    reached = ("--to", "spa", "--from", "eng", "--server", server)
    for source, out, message in (
        (empty, tmp_path / "out", f"{empty}: names no audio or video file"),
        (clip, clip / "out", f"--out: cannot write to {clip}/out: Not a directory"),
        (
            document,
            tmp_path / "out",
            f"{document}: is a document: save its text as .txt, or its subtitles as .srt, .vtt or .ass",
        ),
        (
            text,
            tmp_path / "out",
            f"{text}: is a text, and a batch is of recordings: translate-svc translate {text}",
        ),
    ):
        code, _, error = command("batch", str(source), "--out", str(out), *reached)
        assert (code, error.splitlines()[-1]) == (2, f"translate-svc: {message}")


def test_shards_are_parts_of_the_whole(command: Command, server: str, tmp_path: Path) -> None:
    folder, out = _folder(tmp_path / "talks", *CLIPS[:4]), tmp_path / "out"
    arguments = ("batch", str(folder), "--to", "spa", "--out", str(out), "--server", server)
    counts = []
    for shard in ("0/2", "1/2"):
        code, output, error = command(*arguments, "--shard", shard)
        assert (code, error) == (0, "")
        counts.append(int(output.split(" ")[0]))
    assert sum(counts) == 4
    assert min(counts) > 0
    assert len(_rows(out)) == 4
    assert command(*arguments)[1].startswith("4 files: 0 translated, 4 done before\n")


def test_a_server_that_is_gone_has_an_exit_code_of_its_own(command: Command, tmp_path: Path) -> None:
    arguments = ("batch", str(DATA / "eng_1.flac"), "--to", "spa", "--out", str(tmp_path / "out"))
    code, _, error = command(*arguments, "--server", "127.0.0.1:1")
    assert (code, error) == (3, "translate-svc: 127.0.0.1:1: not reachable\n")


def test_the_engine_of_a_batch_has_room_for_all_its_files() -> None:
    settings = Settings.load(engine_room(100), {})
    admission = settings.admission_options()
    assert admission.max_streams == 100
    assert admission.max_waiting_requests >= 100 * SessionOptions().max_utterances_in_flight
    assert not settings.capacity_options().measured, "no stream is refused for being late: nobody waits"


async def _stopped(arguments: tuple[str, ...], out: Path, number: signal.Signals, records: int) -> str:
    """Runs the command until there are so many records, and a little longer, and stops it. Returns what it
    said.
    """
    process = await start(*arguments)
    while process.returncode is None and len(_records(out)) < records:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(random.Random(records).uniform(0, 0.2))
    if process.returncode is None:
        process.send_signal(number)
    _, error = await process.communicate()
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
    assert process.returncode in (0, codes.get(number, -number))
    return error.decode()


async def test_a_killed_run_loses_nothing_and_repeats_nothing(server: str, tmp_path: Path) -> None:
    folder, out = _folder(tmp_path / "talks", *CLIPS), tmp_path / "out"
    arguments = (
        *("batch", str(folder), "--to", "spa", "--out", str(out), "--server", server),
        *("--format", "srt,wav", "--files-at-once", "2"),
    )
    await _check_kills(arguments, out, (1, 4), signal.SIGKILL)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
async def test_who_ends_a_run_is_told_where_it_stopped_and_the_same_command_goes_on(
    server: str, tmp_path: Path, number: signal.Signals
) -> None:
    folder, out = _folder(tmp_path / "talks", *CLIPS[:5]), tmp_path / "out"
    arguments = (
        *("batch", str(folder), "--to", "spa", "--out", str(out), "--server", server),
        *("--files-at-once", "1"),
    )
    error = await _stopped(arguments, out, number, 1)
    stopped, interrupted = error.splitlines()[-2:]
    assert stopped.startswith("translate-svc: stopped at ")
    assert stopped.endswith("; the same command goes on from there")
    assert interrupted == "translate-svc: interrupted"
    assert "Traceback" not in error
    assert sorted(each.name for each in (out / ".journal").iterdir()) == ["files", "lock"]
    await _check_kills(arguments, out, (), number, CLIPS[:5])


_STUCK = """
import signal, time
from translate_svc.cli import interrupts
from translate_svc.cli.batch import file_processes

interrupts._CLEAN_UP_S = 300
watch, kill, presses = file_processes._watch, file_processes._kill, []

async def pressed(each, serving):
    signal.raise_signal(signal.SIGINT)
    await watch(each, serving)

def stuck(process):
    if not presses:
        presses.append(process)
        print("cleaning", flush=True)
        time.sleep(300)
    kill(process)

file_processes._watch, file_processes._kill = pressed, stuck

from translate_svc.__main__ import main
main()
"""


async def test_a_second_ctrl_c_leaves_no_process_and_no_part_of_a_file(tmp_path: Path) -> None:
    """The first one comes while a process that reads files is starting, and ending that process hangs."""
    folder, out, temporary = _folder(tmp_path / "talks", "eng_1"), tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _STUCK, "batch", str(folder), "--to", "spa", "--out", str(out)),
        *("--model", STARTER, "--file-processes", "1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment({"TMPDIR": str(temporary)}),
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"cleaning\n"
        await asyncio.sleep(0.1)  # later than the second signal of one press
        process.send_signal(signal.SIGINT)
        _, error = await process.communicate()  # until the other process has ended, too: it has the same pipe
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, error.decode()) == (130, f"{NOTICE}translate-svc: interrupted\n")
    assert not list(temporary.iterdir())
    assert [path.name for path in out.rglob("*")] == [".journal", "lock"]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_run_with_its_own_engine_survives_many_kills(tmp_path: Path) -> None:
    names = [path.stem for path in DATA.glob("*.flac")]
    folder, out = _folder(tmp_path / "talks", *names), tmp_path / "out"
    arguments = (
        *("batch", str(folder), "--to", "spa,fra", "--out", str(out), "--model", STARTER),
        *("--format", "srt,wav,jsonl", "--files-at-once", "4"),
    )
    await _check_kills(arguments, out, (0, 1, 3, 6, 9, 12, 15, 18, 20), signal.SIGKILL, names)


async def _check_kills(
    arguments: tuple[str, ...],
    out: Path,
    kills: tuple[int, ...],
    number: signal.Signals,
    names: tuple[str, ...] | list[str] = CLIPS,
) -> None:
    """Stops the command when there are so many records, lets it end, and compares with a run that nobody
    stopped.
    """
    done = _records(out)
    for records in kills:
        await _stopped(arguments, out, number, records)
        now = _records(out)
        assert now | done == now, "a file that is done is never done again"
        done = now
    process = await start(*arguments)
    output, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    now = _records(out)
    assert now | done == now
    assert output.decode().startswith(
        f"{len(names)} files: {len(names) - len(done)} translated, {len(done)} done before"
        if done
        else f"{len(names)} files: {len(names)} translated; "
    )
    assert sorted(_rows(out)) == sorted(names)
    left = [name for _, _, names in os.walk(out) for name in names if name.endswith(".part")]
    assert not left
    for name, row in _rows(out).items():
        assert row["status"] == "done"
        for output_name, size in row["outputs"].items():
            assert (out / output_name).stat().st_size == size
        if name in CLIPS and name[:3] != "spa":
            assert row["texts"]["spa"] == texts(name)["spa"]
