"""``translate-svc translate`` and ``say``: files and texts in, translations out, here and at a server."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from google.protobuf import json_format
from rich.console import Console

from benchmarks.simultaneous.monologues import VARIANTS, monologues, shipped_clips
from tests.cli.conftest import Command
from tests.cli.output.subtitle_files import read_srt
from tests.cli.process import NOTICE, ROOT, STARTER, start
from tests.clips import sentences, texts
from tests.media import write_media
from translate_svc.audio.files import read_audio, write_wav
from translate_svc.cli.media.utterance_counter import UtteranceCounter
from translate_svc.cli.output.sinks import TextSink
from translate_svc.cli.output.text_view import TextView
from translate_svc.errors import TranslateSvcError, Unavailable
from translate_svc.types import (
    NO_SPEECH,
    Closed,
    EndReason,
    SampleRange,
    Samples,
    SpeechEnded,
    StreamWarning,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)
from translate_svc.v1 import speech_translation_pb2 as pb

DATA = ROOT / "tests" / "data"
CLIP = DATA / "demo_eng.flac"
FIRST, SECOND = (each["translation"] for each in sentences("demo_eng"))
COMMAND = f"{sys.executable} -m translate_svc"
TEXTS = f"00:00:00.44  spa  {FIRST}\n00:00:03.64  spa  {SECOND}\n"


def _speech_ends_s(samples: Samples, rate_hz: int) -> float:
    return float(np.flatnonzero(np.abs(samples) > 0.01)[-1] / rate_hz)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MP4: two sentences that begin 1.5 s into the picture, in stereo."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_media(path, *read_audio(CLIP), codec="aac", codec_rate_hz=44_100, picture=True, starts_s=1.5)


def test_everything_at_once_from_a_video_at_a_server(
    command: Command, server: str, film: Path, tmp_path: Path
) -> None:
    wav, srt, events = tmp_path / "o.wav", tmp_path / "o.srt", tmp_path / "o.jsonl"
    code, output, error = command(
        *("translate", str(film), "--from", "English", "--to", "es", "--transcript", "--server", server),
        *("-o", str(wav), "--subtitles", str(srt), "--json", str(events)),
    )
    assert (code, error) == (0, "")
    lines = output.splitlines()
    assert [line[13:] for line in lines] == [
        line
        for each in sentences("demo_eng")
        for line in (f"eng  {each['transcript']}", f"spa  {each['translation']}")
    ]
    assert lines[0].startswith("00:00:01.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.eng.srt", "o.jsonl", "o.srt", "o.wav"]

    cues = read_srt(srt.read_text(encoding="utf-8"))
    assert " ".join(" ".join(cue.lines) for cue in cues) == f"{FIRST} {SECOND}"
    for cue, each in zip(cues, sentences("demo_eng"), strict=True):
        assert cue.start_ms == pytest.approx(each["start_ms"] + 1_500, abs=100), "where speech starts"
    assert len(read_srt((tmp_path / "o.eng.srt").read_text(encoding="utf-8"))) == 2

    (samples, rate_hz), (heard, heard_rate_hz) = read_audio(wav), read_audio(CLIP)
    film_s = 1.5 + len(heard) / heard_rate_hz
    assert len(samples) / rate_hz == pytest.approx(film_s, abs=0.05), "as long as the film"
    starts = [(each["start_ms"] / 1000 + 1.5) * rate_hz for each in sentences("demo_eng")]
    assert np.abs(samples[: int(starts[0] - 0.1 * rate_hz)]).max() == 0, (
        "nobody speaks before the source does"
    )

    rows = events.read_text(encoding="utf-8").splitlines()
    responses = [json_format.Parse(row, pb.StreamingTranslateResponse()) for row in rows]
    kinds = [response.WhichOneof("event") for response in responses]
    assert (kinds[0], kinds[-1]) == ("opened", "closed")
    assert [response.seq for response in responses] == list(range(1, len(kinds) + 1))
    said = "".join(r.translation.delta for r in responses if r.translation.utterance_id == 0)
    assert said == FIRST
    spoken = [response.audio for response in responses if response.WhichOneof("event") == "audio"]
    assert sum(chunk.sample_count for chunk in spoken) > 0
    assert not any(chunk.data for chunk in spoken)


def test_a_part_of_a_file_at_an_address_is_as_a_file_of_its_own(
    command: Command, server: str, tmp_path: Path
) -> None:
    wav = tmp_path / "o.wav"
    asked = ("translate", f"file://{CLIP}", "--from", "en", "--to", "es", "--server", server)
    code, output, error = command(*asked, "--start", "0:03.2", "--duration", "3", "-o", str(wav))
    assert (code, output, error) == (0, f"00:00:00.44  spa  {SECOND}\n", "")
    assert soundfile.info(wav).duration == pytest.approx(3, abs=0.01)
    code, _, error = command(*asked, "--start", "1:00")
    assert (code, error) == (1, "translate-svc: demo_eng.flac: its sound ends 53.3 s before --start\n")


@pytest.mark.parametrize("code", ["eng", "spa", "fra", "deu"])
def test_each_sample_of_the_page_is_right_in_the_command(command: Command, server: str, code: str) -> None:
    expected = texts(f"demo_{code}")
    targets = [each for each in expected if each != code]
    done, output, error = command(
        *("translate", str(DATA / f"demo_{code}.flac"), "--to", ",".join(targets), "--server", server)
    )
    assert (done, error) == (0, "")
    for each in targets:
        said = [line.split("  ", 2)[2] for line in output.splitlines() if f"  {each}  " in line]
        assert " ".join(said) == expected[each]


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg"])
def test_music_formats_of_another_rate_say_the_same(
    command: Command, server: str, tmp_path: Path, name: str
) -> None:
    codec, rate_hz = {"a.mp3": ("libmp3lame", 44_100), "a.ogg": ("libopus", 48_000)}[name]
    path = write_media(tmp_path / name, *read_audio(CLIP), codec=codec, codec_rate_hz=rate_hz)
    code, output, error = command("translate", str(path), "--from", "en", "--to", "es", "--server", server)
    assert (code, error) == (0, "")
    assert [line[18:] for line in output.splitlines()] == [FIRST, SECOND]


def test_three_minutes_are_translated_without_being_held(
    command: Command, server: str, tmp_path: Path
) -> None:
    clip, rate_hz = read_audio(DATA / "eng_1.flac")
    period_s, repetitions = 15, 12
    pause = np.zeros(period_s * rate_hz - len(clip), np.float32)
    path, wav, srt = tmp_path / "long.wav", tmp_path / "o.wav", tmp_path / "o.srt"
    write_wav(path, np.concatenate([clip, pause] * repetitions), rate_hz)
    tracemalloc.start()
    code, output, error = command(
        *("translate", str(path), "--from", "en", "--to", "es", "--server", server),
        *("-o", str(wav), "--subtitles", str(srt)),
    )
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (code, error) == (0, "")
    assert output.count(texts("eng_1")["spa"]) == repetitions
    starts_ms = [cue.start_ms for cue in read_srt(srt.read_text(encoding="utf-8"))]
    assert np.diff(starts_ms) == pytest.approx([period_s * 1000] * (repetitions - 1), abs=40)
    samples, out_hz = read_audio(wav)
    assert len(samples) == period_s * repetitions * out_hz
    for number in range(repetitions):
        spoken = samples[number * period_s * out_hz : (number + 1) * period_s * out_hz]
        assert 1 < _speech_ends_s(spoken, out_hz) < 7, "each in its own quarter of a minute"
    assert peak_bytes < 6_000_000, "the source alone would take 11 MB as samples"


def test_json_on_standard_output_stands_alone_and_holds_speech_if_asked(
    command: Command, server: str
) -> None:
    arguments = ("translate", str(DATA / "eng_1.flac"), "--to", "spa", "--server", server, "--json", "-")
    code, output, _ = command(*arguments, "--json-audio")
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    chunks = [row["audio"] for row in rows if "audio" in row]
    assert all(len(base64.b64decode(each["data"])) == 2 * each["sampleCount"] for each in chunks)
    assert chunks
    code, output, _ = command(*arguments, "--text")
    assert code == 0
    assert not any("audio" in json.loads(line) for line in output.splitlines())


def test_simultaneous_texts_come_before_the_speech_ends_and_the_files_are_right(
    command: Command, server: str, tmp_path: Path
) -> None:
    """The files are those of a whole utterance, although its text and its speech come in parts."""
    clip = DATA / "eng_three.flac"
    wav, srt, events = tmp_path / "o.wav", tmp_path / "o.srt", tmp_path / "o.jsonl"
    code, output, _ = command(
        *("translate", str(clip), "--from", "en", "--to", "es", "--simultaneous", "--server", server),
        *("-o", str(wav), "--subtitles", str(srt), "--json", str(events)),
    )
    assert code == 0
    rows = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    assert int(rows[0]["opened"]["config"]["settings"]["simultaneous"]["stepMs"]) == 500
    (end,) = (index for index, row in enumerate(rows) if "speechEnded" in row)
    early = [row for row in rows[:end] if row.get("translation", {}).get("delta")]
    heard = [int(row["translation"]["heardThroughSample"]) for row in early]
    source_end = int(rows[end]["speechEnded"]["source"]["end"])
    assert heard == sorted(heard)
    assert 0 < heard[0] < heard[-1] <= source_end
    assert any(row["audio"]["sampleCount"] for row in rows[:end] if "audio" in row)

    said = "".join(row["translation"]["delta"] for row in rows if "translation" in row)
    assert len("".join(row["translation"]["delta"] for row in early)) > len(said) / 2
    assert said == texts("eng_three")["spa"]
    assert output.splitlines() == [f"00:00:00.41  spa  {said}"], "one line, once the utterance is done"

    source = soundfile.info(clip)
    cues = read_srt(srt.read_text(encoding="utf-8"))
    assert " ".join(" ".join(cue.lines) for cue in cues) == said
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(cues))
    source_end_ms = source_end * 1000 / source.samplerate
    assert source_end_ms - 1 <= cues[-1].end_ms < source_end_ms + 500, "longer only to be read"
    samples, rate_hz = read_audio(wav)
    chunks = [row["audio"] for row in rows if "audio" in row]
    spoken = sum(each["sampleCount"] for each in chunks)
    starts = [int(each["startSample"]) for each in chunks]
    assert starts == [sum(each["sampleCount"] for each in chunks[:index]) for index in range(len(chunks))]
    before = int(rows[1]["speechStarted"]["speechPosition"]) * rate_hz // source.samplerate
    assert len(samples) == max(before + spoken, round(source.duration * rate_hz))
    assert before + spoken > round(source.duration * rate_hz), "the speech says how long the file is"


def test_a_transcript_needs_no_target(command: Command, server: str) -> None:
    code, output, _ = command(
        "translate", str(DATA / "eng_1.flac"), "--from", "en", "--transcript", "--server", server
    )
    assert code == 0
    assert f"  eng  {texts('eng_1')['eng']}" in output


def test_silence_is_told_and_is_no_failure(command: Command, server: str, tmp_path: Path) -> None:
    srt = tmp_path / "o.srt"
    code, output, error = command(
        *("translate", str(DATA / "silence.flac"), "--to", "es", "--server", server),
        *("--subtitles", str(srt)),
    )
    assert (code, output, error) == (0, "", "translate-svc: silence.flac: no speech was found\n")
    assert srt.read_text(encoding="utf-8") == ""


def test_damage_is_told_and_the_rest_is_kept(
    command: Command, server: str, film: Path, tmp_path: Path
) -> None:
    data = bytearray(film.read_bytes())
    middle = data.index(b"mdat") + 4 + len(data) // 2
    data[middle : middle + len(data) // 20] = np.random.default_rng(0).bytes(len(data) // 20)
    torn, srt = tmp_path / "torn.mp4", tmp_path / "o.srt"
    torn.write_bytes(data)
    code, _, error = command(
        "translate", str(torn), "--from", "en", "--to", "es", "--server", server, "--subtitles", str(srt)
    )
    assert code == 1
    assert error.startswith("translate-svc: torn.mp4: is damaged: ")
    assert error.count("\n") == 1
    assert read_srt(srt.read_text(encoding="utf-8"))


def test_a_text_is_translated_and_spoken(command: Command, server: str, tmp_path: Path) -> None:
    for place in (("--server", server), ("--model", STARTER)):
        wav = tmp_path / f"{place[0]}.wav"
        code, output, error = command(
            "say", "Good morning.", "--from", "en", "--to", "es", "-o", str(wav), *place
        )
        assert (code, output, error) == (0, "Buenos días.\n", "")
        samples, _ = read_audio(wav)
        assert np.abs(samples).max() > 0.01
    code, _, error = command("say", "Good morning.", "--from", "en", "--to", "es,en", "--server", server)
    assert (code, error) == (1, "translate-svc: --to: is the language of the text itself\n")


def test_standard_input_that_is_no_text_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9"), encoding="utf-8"))
    code, _, error = command("say", "-", "--from", "fr", "--to", "es")
    assert (code, error) == (2, "translate-svc: TEXT: standard input is not a text in UTF-8\n")


def test_voice_and_speed_are_heard(command: Command, server: str, tmp_path: Path) -> None:
    """Another voice is other speech; twice the speed takes about half the time (units are whole)."""
    spoken = {}
    for name, flags in {
        "plain": (),
        "other": ("--voice", "spa=1"),
        "default": ("--voice", "0"),
        "fast": ("--speed", "2"),
    }.items():
        wav = tmp_path / f"{name}.wav"
        say = ("say", "Where is the station?", "--from", "en", "--to", "es", "--server", server)
        assert command(*say, "-o", str(wav), *flags)[0] == 0
        spoken[name], _ = read_audio(wav)
    assert np.array_equal(spoken["plain"], spoken["default"])
    assert not np.array_equal(spoken["plain"], spoken["other"])
    assert len(spoken["fast"]) == pytest.approx(0.55 * len(spoken["plain"]), rel=0.1)


@pytest.mark.parametrize("place", [("--server", "SERVER"), ("--model", STARTER)], ids=["server", "here"])
def test_each_setting_of_a_file_reaches_the_stream(
    command: Command, server: str, tmp_path: Path, place: tuple[str, str]
) -> None:
    events = tmp_path / "o.jsonl"
    code, _, error = command(
        *("translate", str(CLIP), "--from", "en", "--to", "es,fr", "--json", str(events)),
        *("--voice", "fr=1", "--speed", "1.25", *(server if each == "SERVER" else each for each in place)),
        *("--vad-threshold", "0.6", "--min-silence-ms", "700", "--max-utterance-ms", "9000"),
    )
    assert (code, error) == (0, "")
    opened = json.loads(events.read_text(encoding="utf-8").splitlines()[0])["opened"]["config"]["settings"]
    assert [(each["speakerId"], each["durationFactor"]) for each in opened["targets"]] == [(0, 0.8), (1, 0.8)]
    vad = opened["vad"]
    assert vad["threshold"] == pytest.approx(0.6)
    assert (vad["minSilenceMs"], vad["maxUtteranceMs"]) == (700, 9_000)


def test_the_longest_utterance_may_be_longer_in_this_process_and_at_a_server_that_allows_it(
    command: Command, server: str
) -> None:
    asked = (*TRANSLATE, "--max-utterance-ms", "20000")
    assert command(*asked, "--model", STARTER)[0] == 0
    code, _, error = command(*asked, "--server", server)
    assert (code, error) == (1, "translate-svc: --max-utterance-ms: must not exceed this server's 15000\n")


TRANSLATE = ("translate", str(CLIP), "--to", "es")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("translate", "absent.wav", "--to", "es"), 1, "absent.wav: no such file"),
        (("translate", "tests", "--to", "es"), 1, "tests: holds no audio or video file"),
        (("translate", "Makefile", "--to", "es"), 1, "Makefile: is not an audio or video file"),
        ((*TRANSLATE, "-o", "absent/o.wav"), 1, "absent/o.wav: its folder does not exist"),
        ((*TRANSLATE, "--subtitles", "absent/o.srt"), 1, "absent/o.srt: its folder does not exist"),
        ((*TRANSLATE, "--json", "/proc/o.jsonl"), 1, "/proc/o.jsonl: cannot be written: "),
        ((*TRANSLATE, "--model", "absent"), 1, "--model: no model directory at"),
        ((*TRANSLATE, "--server", "127.0.0.1:1"), 3, "127.0.0.1:1: not reachable"),
        ((*TRANSLATE, "--server", "127.0.0.1"), 2, "--server: must be HOST:PORT or unix:PATH"),
        ((*TRANSLATE, "--server", "127.0.0.1:65536"), 2, "--server: must have a port of at most 65535"),
        ((*TRANSLATE, "--server", "a:1", "--model", "b"), 2, "--model: does not go with --server"),
        (("translate", str(CLIP), "--to", "Spanisch"), 2, "--to: no language is called 'Spanisch'; did you"),
        (("translate", str(CLIP), "--to", "it"), 2, "--to: this model does not know Italian (ita)"),
        ((*TRANSLATE, "--from", "nope"), 2, "--from: no language is called 'nope'"),
        (("translate", str(CLIP)), 2, "--to: is needed"),
        ((*TRANSLATE, "--between", "en,es"), 2, "--between: stands for --to too"),
        ((*TRANSLATE, "-o", "absent/O.WAV"), 1, "absent/O.WAV: its folder does not exist"),
        ((*TRANSLATE, "--subtitles", "absent/O.SRT"), 1, "absent/O.SRT: its folder does not exist"),
        ((*TRANSLATE, "-o", "o.doc"), 2, "--output: must end in .wav"),
        ((*TRANSLATE, "-o", "o.wav", "--text"), 2, "--output: needs speech"),
        ((*TRANSLATE, "--subtitles", "o.sub"), 2, "--subtitles: must end in .srt, .vtt, .ass, .txt"),
        ((*TRANSLATE, "--audio-track", "2"), 1, f"{CLIP}: has no audio track '2'; it has track 1 ("),
        (
            (*TRANSLATE, "--channel", "left"),
            1,
            f"{CLIP}: track 1 (1 channel) has no left side",
        ),
        (
            (*TRANSLATE, "-o", "o.mkv", "--text", "--keep-original", "-18dB"),
            2,
            "--keep-original: needs --output",
        ),
        ((*TRANSLATE, "--keep-original", "-18dB"), 2, "--keep-original: needs --output .mp4"),
        ((*TRANSLATE, "-o", "o.mkv", "--keep-original", "6"), 2, "--keep-original: must be decibels, 0 or"),
        ((*TRANSLATE, "--burn-in"), 2, "--burn-in: needs --output .mp4"),
        ((*TRANSLATE, "-o", "o.mka", "--burn-in"), 2, "--burn-in: needs --output .mp4"),
        ((*TRANSLATE, "--to", "fr", "-o", "o.mkv", "--burn-in"), 2, "--burn-in: shows one language: give"),
        ((*TRANSLATE, "-o", "o.mkv", "--font", "a.ttf"), 2, "--font: needs --burn-in"),
        (
            (*TRANSLATE, "-o", "o.mkv", "--bilingual", "--burn-in"),
            2,
            "--bilingual: needs --subtitles or --bu",
        ),
        (("translate", "-", "--to", "es", "-o", "o.mkv"), 2, "--output: a film reads its input twice"),
        (("translate", "notes.md", "--to", "es"), 2, "notes.md: is a document: save its text as .txt"),
        ((*TRANSLATE, "--start", "soon"), 2, "--start: must be a time: 90, 1:30"),
        ((*TRANSLATE, "--duration", "0"), 2, "--duration: must be more than 0"),
        ((*TRANSLATE, "--fit"), 2, "--fit: needs a dub"),
        (("translate", "-", "--to", "es", "-o", "o.wav", "--fit"), 2, "--fit: reads its input twice"),
        ((*TRANSLATE, "--format", "srt,doc"), 2, "--format: 'doc' is none of srt, vtt, ass"),
        ((*TRANSLATE, "--format", "wav", "--text"), 2, "--format: wav needs speech"),
        ((*TRANSLATE, "--output-dir", "out"), 2, "--output-dir: needs --format"),
        ((*TRANSLATE, "README.md", "-o", "o.wav"), 2, "--output: is one file, but there are several inputs"),
        ((*TRANSLATE, "a/demo_eng.wav", "--format", "srt"), 2, "--format: 2 inputs are called demo_eng"),
        ((*TRANSLATE, "--json-audio"), 2, "--json-audio: needs --json or --format"),
        ((*TRANSLATE, "--voice", "1"), 2, "--voice: needs speech: give --output"),
        ((*TRANSLATE, "--speed", "1.2"), 2, "--speed: needs speech: give --output"),
        ((*TRANSLATE, "-o", "o.wav", "--speed", "3"), 2, "--speed: must be 0.5 to 2"),
        ((*TRANSLATE, "-o", "o.wav", "--voice", "7"), 2, "--voice: Spanish (spa) has no voice '7'; it has 0"),
        ((*TRANSLATE, "-o", "o.wav", "--voice", "Ana"), 2, "--voice: Spanish (spa) has no voice 'Ana'"),
        ((*TRANSLATE, "-o", "o.wav", "--voice", "fr=1"), 2, "--voice: French (fra) is not a target"),
        ((*TRANSLATE, "-o", "o.wav", "--voice", "es=1,0"), 2, "--voice: Spanish (spa) comes twice"),
        (
            (*TRANSLATE, "--to", "fr", "-o", "o.wav", "--voice", "1"),
            2,
            "--voice: say for which language: es=",
        ),
        ((*TRANSLATE, "--min-silence-ms", "10"), 2, "--min-silence-ms: must be within [300, 5000]"),
        ((*TRANSLATE, "--vad-threshold", "1"), 2, "--vad-threshold: must be within [0.05, 0.95]"),
        (("say", "Hello.", "--to", "es"), 2, "--from: is needed"),
        (("say", "Hello.", "--from", "en", "--to", "es", "--voice", "1"), 2, "--voice: needs speech: give -"),
        (
            ("say", "Hello.", "--from", "en", "--to", "es", "-o", "o.txt"),
            2,
            "--output: must end in .wav",
        ),
        (("live",), 2, "--to: is needed"),
        (("translate",), 2, "Missing argument 'INPUT'."),
        (("translate", str(CLIP), "--two", "es"), 2, "No such option: --two"),
        (("transalte",), 2, "No such command 'transalte'."),
        (
            ("live", "--catch-up", "9"),
            2,
            "Invalid value for '--catch-up': Input should be less than or equal to 1. ",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(
    command: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, output, error = command(*arguments)
    assert (found, output) == (code, "")
    assert error.startswith(f"translate-svc: {said}")
    assert error.count("\n") == 1


def test_what_an_address_holds_is_told_by_the_address(command: Command, server: str, tmp_path: Path) -> None:
    """The copy of it has a name in a temporary folder, which nobody knows."""
    (tmp_path / "talk.mp3").write_text("<html>Please log in</html>", encoding="utf-8")
    address = f"file://{tmp_path}/talk.mp3"
    code, _, error = command("translate", address, "--from", "en", "--to", "es", "--server", server)
    assert code == 1
    told = f"{address}: is not an audio or video file that FFmpeg can read\n"
    assert error.removeprefix(NOTICE) == f"translate-svc: {told}"


async def test_standard_input_is_read_to_its_end(server: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f"cat {CLIP} | {COMMAND} translate - --from en --to es --server {server}"),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    assert output.decode() == TEXTS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_ctrl_c_or_the_like_ends_at_once_and_leaves_the_texts_so_far(
    server: str, tmp_path: Path, number: signal.Signals
) -> None:
    # an endless source: only the signal can end this
    fifo = tmp_path / "endless.wav"
    os.mkfifo(fifo)
    process = await start(
        *("translate", str(fifo), "--to", "es", "-o", str(tmp_path / "o.wav")),
        *("--subtitles", str(tmp_path / "o.srt"), "--server", server),
    )
    write_wav(tmp_path / "start.wav", *read_audio(CLIP))
    writing = await asyncio.to_thread(os.open, fifo, os.O_WRONLY)
    await asyncio.to_thread(os.write, writing, (tmp_path / "start.wav").read_bytes())
    (tmp_path / "start.wav").unlink()
    assert process.stdout is not None
    assert FIRST.encode() in await process.stdout.readline()
    process.send_signal(number)
    _, error = await process.communicate()
    os.close(writing)
    assert process.returncode == 128 + number
    kept = tmp_path / f".o.srt.{process.pid}.kept.part"
    assert sorted(os.listdir(tmp_path)) == [kept.name, fifo.name]
    assert FIRST in kept.read_text(encoding="utf-8").replace("\n", " ")
    told = f"translate-svc: {kept}: what was translated so far; the next run replaces it\n"
    assert error.decode() == f"{NOTICE}{told}translate-svc: interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "reader", "said"),
    [
        ("languages", "head -1", b"code  BCP-47"),
        ("languages --json", "true", b""),
        (f"translate {CLIP} --from en --to es --json - --server SERVER", "head -1", b'{"seq": "1", "opened"'),
        (f"translate {CLIP} --from en --to es --transcript --server SERVER", "head -1", b"00:00:00.4"),
    ],
)
async def test_a_reader_that_leaves_is_no_error(
    server: str, arguments: str, reader: str, said: bytes
) -> None:
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f"{COMMAND} {arguments.replace('SERVER', server)} | {reader}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, error = await process.communicate()
    assert output.startswith(said)
    assert error.decode().replace(NOTICE, "") == ""


def test_an_utterance_that_failed_and_a_stream_that_broke_off_are_told() -> None:
    counter = UtteranceCounter()
    for number, status in enumerate((UtteranceStatus.OK, UtteranceStatus.FAILED, UtteranceStatus.EMPTY)):
        counter.write(UtteranceDone(number, SampleRange(0, 1), status, Usage()))
    with pytest.raises(Unavailable, match="ended early"):
        counter.finish(1)
    counter.write(Closed(complete=True))
    counter.finish(1)
    with pytest.raises(TranslateSvcError, match=r"^a\.wav: 1 of 3 utterances could not be translated"):
        counter.report("a.wav", None)


def test_what_may_be_missing_is_counted() -> None:
    """Utterances without a text, except those in which nobody speaks, and those cut where nobody paused."""
    counter = UtteranceCounter()
    where = SampleRange(0, 1)
    counter.write(StreamWarning(NO_SPEECH, "", 2))
    for number, status in enumerate((UtteranceStatus.OK, UtteranceStatus.EMPTY, UtteranceStatus.EMPTY)):
        counter.write(SpeechEnded(number, where, EndReason.MAX_LENGTH if not number else EndReason.SILENCE))
        counter.write(UtteranceDone(number, where, status, Usage()))
    assert counter.losses() == (
        "of 3 utterances 1 without a text, and 1 cut within running speech, where words may be lost"
    )
    assert UtteranceCounter().losses() == "no speech was found"


def test_a_file_in_which_all_that_was_heard_is_no_voice_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    counter = UtteranceCounter()
    counter.write(StreamWarning(NO_SPEECH, "", 0))
    counter.write(UtteranceDone(0, SampleRange(0, 1), UtteranceStatus.EMPTY, Usage()))
    counter.report("noise.wav", None)
    assert capsys.readouterr().err == "translate-svc: noise.wav: no speech was found\n"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "3 in a row reached max_utterance_ms (15000). Help: settings.simultaneous.",
            "3 in a row reached --max-utterance-ms (15000). Help: --simultaneous.",
        ),
        (
            "A max_utterance_ms well above 9000, or a smaller simultaneous.max_buffer_ms, helps.",
            "A --max-utterance-ms well above 9000 helps.",
        ),
    ],
)
def test_a_warning_names_the_flags_of_the_command(
    capsys: pytest.CaptureFixture[str], message: str, said: str
) -> None:
    with TextView(Console(file=io.StringIO(), width=200), show_growth=False) as view:
        TextSink(view, ["spa"], 8_000).write(StreamWarning("max_utterance_reached", message))
    assert capsys.readouterr().err == f"max_utterance_reached: {said}\n"


def test_a_monologue_without_long_pauses_is_heard_to_its_end(
    command: Command, server: str, tmp_path: Path
) -> None:
    """Gaps of 0.1 to 0.4 s between sentences. Cut at 15 s as live speech was, half of them were lost."""
    talk = monologues(shipped_clips("spa"), VARIANTS[0], 1, 30.0)[0]
    path = tmp_path / "talk.wav"
    write_wav(path, talk.samples, 16_000)
    code, output, _ = command("translate", str(path), "--from", "es", "--to", "en", "--server", server)
    assert code == 0
    said = [line.split("eng  ", 1)[1].split("  (unsure")[0] for line in output.splitlines()]
    found = sum(sentence.texts["eng"] in " ".join(said) for sentence in talk.sentences)
    assert found >= 0.9 * len(talk.sentences)


def test_texts_come_in_the_order_of_the_source_whichever_is_done_first() -> None:
    screen = io.StringIO()
    with TextView(Console(file=screen, width=200), show_growth=False) as view:
        sink = TextSink(view, ["spa"], 8_000)
        for number, text in ((0, "zero"), (1, "one"), (2, "two")):
            sink.write(TextDelta(number, SampleRange(8_000 * number, 9_000), "spa", text, True, False))
        for number in (1, 0, 2):
            sink.write(UtteranceDone(number, SampleRange(0, 1), UtteranceStatus.OK, Usage()))
    assert screen.getvalue().split()[2::3] == ["zero", "one", "two"]
