"""Speech that would overrun its place is spoken faster, and only that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from tests.cli.conftest import Command
from tests.clips import DATA
from translate_svc.audio.files import read_audio, write_wav
from translate_svc.audio.resampler import resample
from translate_svc.cli.media.fit import FASTEST, FitPlanner, FitPoint, with_updates
from translate_svc.types import (
    EndReason,
    SampleRange,
    Samples,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamSettings,
    TargetSettings,
)

RATE_HZ = 8_000
SETTINGS = StreamSettings(targets=(TargetSettings("spa"), TargetSettings("deu")))


def factors(settings: StreamSettings) -> list[float]:
    return [target.duration_factor for target in settings.targets]


def test_each_utterance_has_room_until_the_next_one_speaks() -> None:
    planner = FitPlanner(SETTINGS, RATE_HZ)
    # starts in seconds, and how long the speech of both languages lasts
    utterances = ((1.0, 1.0, 1.9), (3.0, 2.5, 5.0), (5.1, 1.0, 0.0), (9.1, 3.0, 1.0))
    for number, (start_s, *speech_s) in enumerate(utterances):
        start = round(start_s * RATE_HZ)
        planner.write(SpeechStarted(number, start - 100, start))
        source = SampleRange(start - 100, start + RATE_HZ)
        planner.write(SpeechEnded(number, source, EndReason.SILENCE))
        for target, seconds in zip(SETTINGS.targets, speech_s, strict=True):
            half = round(seconds * 8_000)
            for _ in range(2):
                planner.write(SpeechChunk(number, source, target.language, 0, bytes(2 * half), False))
    points = planner.plan(round(11.2 * RATE_HZ))
    assert [factors(point.settings) for point in points] == [[0.8, FASTEST], [1.0, 1.0], [FASTEST, 1.0]]
    assert [point.position / RATE_HZ for point in points] == [2.0, 4.0, 6.1], "where the one before ended"


def test_speech_that_is_faster_by_choice_is_not_slowed_down_to_fit() -> None:
    settings = StreamSettings(targets=(TargetSettings("spa", duration_factor=0.625),))
    planner = FitPlanner(settings, RATE_HZ)
    planner.write(SpeechStarted(0, 0, 0))
    source = SampleRange(0, RATE_HZ)
    planner.write(SpeechEnded(0, source, EndReason.SILENCE))
    planner.write(SpeechChunk(0, source, "spa", 0, bytes(2 * 20_000), False))
    assert planner.plan(RATE_HZ) == []


async def test_updates_come_at_their_places_and_all_samples_are_kept() -> None:
    log: list[object] = []

    async def blocks() -> AsyncIterator[Samples]:
        for start in range(0, 100, 10):
            yield np.arange(start, start + 10, dtype=np.float32)

    async def update(settings: StreamSettings) -> None:
        log.append(settings)

    other = StreamSettings(targets=(TargetSettings("spa", duration_factor=0.8),))
    points = [FitPoint(0, other), FitPoint(25, SETTINGS), FitPoint(27, other), FitPoint(60, SETTINGS)]
    async for block in with_updates(blocks(), points, update):
        log += block.tolist()
    samples = [each for each in log if isinstance(each, float)]
    assert samples == list(range(100))
    places = [index for index, each in enumerate(log) if isinstance(each, StreamSettings)]
    assert [place - number for number, place in enumerate(places)] == [0, 25, 27, 60]


def test_a_dub_keeps_up_with_speech_that_leaves_it_little_room(
    command: Command, server: str, tmp_path: Path
) -> None:
    """A sentence whose German is as long as itself, said a third faster."""
    clip, rate_hz = read_audio(DATA / "eng_2.flac")
    clip = resample(clip, rate_hz, rate_hz * 3 // 4)
    speech = clip[np.flatnonzero(np.abs(clip) > 0.02)[0] :][: -rate_hz // 5]
    pause = np.zeros(rate_hz * 6 // 10, np.float32)
    path = tmp_path / "talk.wav"
    write_wav(path, np.concatenate([pause, *[np.concatenate([speech, pause])] * 5]), rate_hz)
    arguments = ("translate", str(path), "--from", "en", "--to", "de", "--server", server)
    late_s = {}
    for name, flags in (("plain", ()), ("fitted", ("--fit",))):
        folder = tmp_path / name
        code, _, _ = command(*arguments, "--format", "wav,jsonl", "--output-dir", str(folder), *flags)
        assert code == 0
        rows = [json.loads(row) for row in (folder / "talk.jsonl").read_text().splitlines()]
        spoken: dict[int, int] = {}
        for chunk in (row["audio"] for row in rows if "audio" in row):
            number = int(chunk.get("utteranceId", 0))
            spoken[number] = spoken.get(number, 0) + chunk["sampleCount"]
        starts = [
            int(row["speechStarted"]["speechPosition"]) / rate_hz for row in rows if "speechStarted" in row
        ]
        end_s = 0.0
        for number, start_s in enumerate(starts):
            late = max(0.0, end_s - start_s)
            end_s = max(end_s, start_s) + spoken[number] / 16_000
        late_s[name] = late
    assert late_s["plain"] > 0.3, "the German sentences take longer"
    assert late_s["fitted"] < 0.5 * late_s["plain"]
