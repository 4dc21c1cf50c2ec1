"""``translate --speakers-by-channel``: two people on two channels come out as one conversation."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pysubs2
import pytest
import soundfile

from tests.cli.conftest import Command
from tests.cli.output.subtitle_files import read_srt, read_webvtt
from tests.cli.process import STARTER
from tests.clips import DATA, sentences, texts
from tests.media import write_media
from translate_svc.audio.files import read_audio
from translate_svc.subtitles.cues import GAP_MS
from translate_svc.subtitles.line_breaks import LINE_CELLS
from translate_svc.types import Samples

RIGHT = {"fra_2": 1.0, "eng_1": 8.0}
"""The clips of the right side and where they start, in seconds. The left side speaks during the first one."""

TURNS = [
    ("Left", 400, sentences("demo_eng")[0]["translation"]),
    ("Right", 1_400, texts("fra_2")["spa"]),
    ("Left", sentences("demo_eng")[1]["start_ms"], sentences("demo_eng")[1]["translation"]),
    ("Right", 8_400, texts("eng_1")["spa"]),
]
LENGTH_S = 14.0
SIDES = ("translate", "--speakers-by-channel", "--to", "es")


def _call() -> tuple[Samples, int]:
    """``[n, 2]``."""
    left, rate_hz = read_audio(DATA / "demo_eng.flac")
    sides = np.zeros((round(LENGTH_S * rate_hz), 2), np.float32)
    sides[: len(left), 0] = left
    for name, start_s in RIGHT.items():
        clip, clip_rate_hz = read_audio(DATA / f"{name}.flac")
        assert clip_rate_hz == rate_hz
        start = round(start_s * rate_hz)
        sides[start : start + len(clip), 1] = clip
    return sides, rate_hz


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("call") / "call.wav"
    soundfile.write(path, *_call())
    return path


def test_both_sides_are_one_conversation(command: Command, server: str, call: Path, tmp_path: Path) -> None:
    code, output, error = command(
        *(*SIDES, str(call), "--server", server, "--no-flag-unsure", "--output-dir", str(tmp_path)),
        *("--format", "srt,vtt,ass,txt,tsv,json,jsonl,wav"),
    )
    assert (code, error) == (0, "")
    lines = [re.fullmatch(r"00:00:(\d\d\.\d\d)  (\w+) +spa  (.*)", line) for line in output.splitlines()]
    assert [(line[2], line[3]) for line in lines if line] == [(name, text) for name, _, text in TURNS]
    for line, (_, start_ms, _) in zip(lines, TURNS, strict=True):
        assert line is not None
        assert float(line[1]) * 1000 == pytest.approx(start_ms, abs=120)
    _check_texts(tmp_path)
    _check_rows(tmp_path / "call.jsonl")
    assert not any(name.startswith(".") for name in os.listdir(tmp_path)), "no hidden file stays"


def _check_texts(folder: Path) -> None:
    said = {form: (folder / f"call.spa.{form}").read_text("utf-8") for form in ("srt", "vtt", "ass")}
    named = [f"{name}: {text}" for name, _, text in TURNS]
    srt = read_srt(said["srt"])
    assert [cue.text for cue in srt] == named
    assert all(len(line) <= LINE_CELLS for cue in srt for line in cue.lines)
    vtt = read_webvtt(said["vtt"])
    assert [(cue.speaker, cue.text) for cue in vtt] == [(name, text) for name, _, text in TURNS]
    assert vtt[1].start_ms < vtt[0].end_ms, "both are seen while both speak"
    for before, after in ((vtt[0], vtt[2]), (vtt[1], vtt[3])):
        assert after.start_ms - before.end_ms >= GAP_MS
    ass = pysubs2.SSAFile.from_string(said["ass"])
    assert [(event.name, event.plaintext.replace("\n", " ")) for event in ass] == [
        (name, text) for name, _, text in TURNS
    ]
    assert (folder / "call.spa.txt").read_text("utf-8").splitlines() == named
    rows = [line.split("\t") for line in (folder / "call.spa.tsv").read_text("utf-8").splitlines()]
    assert rows[0] == ["start", "end", "text", "speaker"]
    segments = json.loads((folder / "call.spa.json").read_text("utf-8"))["segments"]
    for cue, row, segment in zip(vtt, rows[1:], segments, strict=True):
        assert row == [str(cue.start_ms), str(cue.end_ms), cue.text, cue.speaker]
        assert (segment["speaker"], segment["text"]) == (cue.speaker, cue.text)


def _check_rows(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for channel in ("left", "right"):
        mine = [row for row in rows if row["channel"] == channel]
        assert [row["seq"] for row in mine] == [str(number) for number in range(1, len(mine) + 1)]
        assert ("opened" in mine[0], "closed" in mine[-1]) == (True, True)
        said = "".join(row["translation"]["delta"] for row in mine if "translation" in row)
        turns = [text for name, _, text in TURNS if name.lower() == channel]
        assert said == "".join(turns)
    assert {row["channel"] for row in rows} == {"left", "right"}


def test_the_dub_has_each_person_at_their_side(
    command: Command, server: str, call: Path, tmp_path: Path
) -> None:
    asked = (str(call), "--server", server, "--no-flag-unsure")
    dub = tmp_path / "dub.wav"
    assert command(*SIDES, *asked, "-o", str(dub))[0] == 0
    both, rate_hz = soundfile.read(dub, dtype="float32", always_2d=True)
    assert both.shape == (round(LENGTH_S * rate_hz), 2), "stereo, as long as the source"
    loud = np.abs(both) > 0.01
    for channel, starts_ms in ((0, (TURNS[0][1], TURNS[2][1])), (1, (TURNS[1][1], TURNS[3][1]))):
        first, second = (round(start_ms * rate_hz / 1000) for start_ms in starts_ms)
        tolerance = rate_hz // 10
        assert not loud[: first - tolerance, channel].any(), "nobody speaks before the source does"
        assert loud[first : first + rate_hz, channel].mean() > 0.2
        assert loud[second : second + 2 * rate_hz, channel].mean() > 0.2
    assert (loud[:, 0] & loud[:, 1]).sum() > rate_hz // 10, "they are heard at the same time"
    for channel, name in enumerate(("left", "right")):
        alone = tmp_path / f"{name}.wav"
        assert command("translate", "--channel", name, "--to", "es", *asked, "-o", str(alone))[0] == 0
        expected, _ = read_audio(alone)
        likeness = [float(np.corrcoef(expected, both[: len(expected), each])[0, 1]) for each in (0, 1)]
        assert likeness[channel] > 0.9
        assert abs(likeness[1 - channel]) < 0.3


def test_a_voice_is_that_of_both_sides(command: Command, call: Path, tmp_path: Path) -> None:
    events = tmp_path / "o.jsonl"
    asked = (*SIDES, str(call), "--model", STARTER, "--json", str(events), "--transcript", "--from", "en")
    code, output, _ = command(*asked, "--voice", "1", "--speed", "1.25")
    assert code == 0
    assert f"Left   eng  {sentences('demo_eng')[0]['transcript']}" in output
    rows = [json.loads(line) for line in events.read_text("utf-8").splitlines()]
    opened = [row["opened"] for row in rows if "opened" in row]
    targets = [each["config"]["settings"]["targets"][0] for each in opened]
    assert [(each["speakerId"], each["durationFactor"]) for each in targets] == [(1, 0.8)] * 2


def test_a_batch_of_calls_has_room_for_both_sides(command: Command, call: Path, tmp_path: Path) -> None:
    calls, out = tmp_path / "calls", tmp_path / "out"
    calls.mkdir()
    shutil.copy(call, calls)
    shutil.copy(DATA / "eng_1.flac", calls / "mono.flac")
    code, _, error = command(
        *(
            "batch",
            str(calls),
            "--to",
            "es",
            "--speakers-by-channel",
            "--format",
            "srt,wav",
            "--no-flag-unsure",
        ),
        *("--out", str(out), "--model", STARTER, "--files-at-once", "1"),
    )
    assert code == 1
    assert error.splitlines()[0].endswith("mono.flac: failed: track 1 (1 channel) has no left side")
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]
    assert [(row["status"], row["utterances"]) for row in rows] == [("done", len(TURNS)), ("failed", 0)]
    assert rows[0]["texts"] == {"spa": " ".join(text for _, _, text in TURNS)}
    assert rows[0]["audio_s"] == LENGTH_S
    cues = read_srt((out / "call.spa.srt").read_text("utf-8"))
    assert [cue.text for cue in cues] == [f"{name}: {text}" for name, _, text in TURNS]
    assert soundfile.info(out / "call.spa.wav").channels == 2


def test_a_side_on_which_nobody_speaks_is_no_problem(command: Command, server: str, tmp_path: Path) -> None:
    sides, rate_hz = _call()
    path, dub = tmp_path / "call.wav", tmp_path / "dub.wav"
    for silent in ((1,), (0, 1)):
        sides[:, silent] = 0
        soundfile.write(path, sides, rate_hz)
        code, output, error = command(*SIDES, str(path), "--server", server, "-o", str(dub))
        heard, _ = soundfile.read(dub, always_2d=True)
        assert code == 0
        assert len(heard) == round(LENGTH_S * 16_000)
        assert not heard[:, silent].any()
        assert [line.split()[1] for line in output.splitlines()] == ["Left"] * (4 - 2 * len(silent))
        assert error == ("" if len(silent) == 1 else "translate-svc: call.wav: no speech was found\n")


def test_damage_and_sides_that_are_one_are_told_once(command: Command, server: str, tmp_path: Path) -> None:
    whole, srt = tmp_path / "call.mp4", tmp_path / "o.srt"
    write_media(whole, *read_audio(DATA / "demo_eng.flac"), codec="aac", codec_rate_hz=44_100)
    data = bytearray(whole.read_bytes())
    middle = data.index(b"mdat") + 4 + len(data) // 2
    data[middle : middle + len(data) // 20] = np.random.default_rng(0).bytes(len(data) // 20)
    whole.write_bytes(data)
    code, _, error = command(*SIDES, str(whole), "--server", server, "--subtitles", str(srt))
    assert code == 1
    hint, damage = error.splitlines()
    assert hint.startswith("translate-svc: call.mp4: both sides sound alike; to translate them once: without")
    assert damage.startswith("translate-svc: call.mp4: is damaged: ")
    assert {cue.text.split(":")[0] for cue in read_srt(srt.read_text("utf-8"))} == {"Left", "Right"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("tests/data/demo_eng.flac",), 1, "tests/data/demo_eng.flac: track 1 (1 channel) has no left side"),
        (("-",), 2, "--speakers-by-channel: reads its input twice: standard input and pipes cannot be"),
        (("FIFO",), 2, "--speakers-by-channel: reads its input twice: standard input and pipes cannot be"),
        (("CALL", "--channel", "left"), 2, "--channel: hears one side, --speakers-by-channel both"),
        (("CALL", "-o", "o.wav", "--fit"), 2, "--fit: does not go with --speakers-by-channel"),
        (("CALL", "-o", "o.mkv"), 2, "--output: cannot be a film with --speakers-by-channel: .wav, .mp3"),
    ],
)
def test_what_has_no_two_sides_is_refused(
    command: Command, call: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    named = {"CALL": str(call), "FIFO": str(tmp_path / "fifo")}
    found = command(*SIDES, *(named.get(each, each) for each in arguments), "--model", STARTER)
    assert found == (code, "", f"translate-svc: {said}\n")
