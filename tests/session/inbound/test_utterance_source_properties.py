"""The commit-point rule as properties: over rates, chunkings, control messages and random talk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fake_vad import SmoothedAmplitudeVad
from tests.session.source_driver import Driver, comparable, heard_by, talk
from translate_svc.session.inbound.source_events import (
    Committed,
    SettingsApplied,
    Utterance,
    UtteranceStarted,
)
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.types import Samples, Segmentation
from translate_svc.vad.options import VadOptions

OPTIONS = VadOptions(
    min_speech_ms=64,
    min_silence_ms=300,
    prefix_padding_ms=150,
    suffix_padding_ms=100,
    max_utterance_ms=2_500,
    cut_search_ms=1_000,
    idle_timeout_ms=2_000,
    good_utterance_ms=1_000,
)
OTHER_OPTIONS = VadOptions(
    min_speech_ms=200, min_silence_ms=400, prefix_padding_ms=64, max_utterance_ms=3_000
)

rates = st.sampled_from([8_000, 16_000, 44_100, 48_000])
segmentations = st.sampled_from([Segmentation.VAD, Segmentation.HINDSIGHT, Segmentation.MANUAL])
levels = st.sampled_from([0.005, 0.02, 0.42, 0.7, 0.9])
talks = st.lists(st.tuples(levels, st.integers(20, 1_500)), min_size=1, max_size=7)
chunkings = st.lists(st.integers(300, 9_000), min_size=1, max_size=4)
control = st.tuples(st.floats(0, 1), st.sampled_from(["finalize", "update"]))
controls = st.lists(control, max_size=3)
finalizes = st.lists(st.tuples(st.floats(0, 1), st.just("finalize")), max_size=3)


@dataclass(frozen=True)
class Script:
    """A stream: its input from ``start`` on and control messages at absolute positions."""

    audio: Samples
    rate_hz: int
    segmentation: Segmentation
    controls: tuple[tuple[int, str], ...]
    start: int = 0

    def play(self, sizes: Sequence[int]) -> Driver:
        source = UtteranceSource(
            self.rate_hz, heard_by(OPTIONS, self.segmentation), start_position=self.start
        )
        driver = Driver(source, SmoothedAmplitudeVad())
        position = self.start
        for place, what in self.controls:
            driver.push(self.audio[position:place], sizes)
            position = max(place, position)
            if what == "finalize":
                source.finalize()
            else:
                source.update(heard_by(OTHER_OPTIONS, self.segmentation))
        driver.push(self.audio[position:], sizes)
        source.end()
        driver.pull()
        assert source.finished
        assert driver.committed_position == len(self.audio)
        return driver

    def resumed(self, commit: int) -> Script:
        behind = tuple(entry for entry in self.controls if entry[0] >= commit)
        return Script(self.audio, self.rate_hz, self.segmentation, behind, commit)


def make(
    parts: list[tuple[float, int]], rate_hz: int, segmentation: Segmentation, marks: list[tuple[float, str]]
) -> Script:
    audio = talk(parts, rate_hz)
    placed = sorted(((int(place * len(audio)), what) for place, what in marks), key=lambda entry: entry[0])
    return Script(audio, rate_hz, segmentation, tuple(placed))


def commit_of(event: object) -> int | None:
    if isinstance(event, Utterance):
        return event.commit_position if event.commits else None
    return event.position if isinstance(event, Committed) else None


@settings(max_examples=40)
@given(talks, rates, segmentations, controls, chunkings, chunkings)
def test_chunking_never_shows(
    parts: list[tuple[float, int]],
    rate_hz: int,
    segmentation: Segmentation,
    marks: list[tuple[float, str]],
    sizes: list[int],
    other_sizes: list[int],
) -> None:
    script = make(parts, rate_hz, segmentation, marks)
    assert comparable(script.play(sizes).events) == comparable(script.play(other_sizes).events)


@settings(max_examples=30)
@given(talks, rates, segmentations, finalizes, chunkings, chunkings)
def test_replaying_from_any_commit_point_gives_what_followed_it(
    parts: list[tuple[float, int]],
    rate_hz: int,
    segmentation: Segmentation,
    marks: list[tuple[float, str]],
    sizes: list[int],
    other_sizes: list[int],
) -> None:
    script = make(parts, rate_hz, segmentation, marks)
    events = script.play(sizes).events
    for index, event in enumerate(events):
        commit = commit_of(event)
        if commit is not None:
            replayed = script.resumed(commit).play(other_sizes).events
            assert comparable(replayed) == comparable(events[index + 1 :])


@settings(max_examples=40)
@given(talks, rates, segmentations, controls, chunkings)
def test_order_and_bounds(
    parts: list[tuple[float, int]],
    rate_hz: int,
    segmentation: Segmentation,
    marks: list[tuple[float, str]],
    sizes: list[int],
) -> None:
    """Starts and utterances alternate; ranges neither overlap nor cross a commit point; commits only grow."""
    committed, running, applied = 0, None, 0
    script = make(parts, rate_hz, segmentation, marks)
    for event in script.play(sizes).events:
        if isinstance(event, UtteranceStarted):
            assert running is None
            assert event.position >= committed
            running = event.position
        elif isinstance(event, Utterance):
            assert event.source.start == running
            assert event.source.start < event.source.end <= event.commit_position <= len(script.audio)
            duration = len(event.samples) / 16_000
            assert 0 < duration <= 3.0
            assert (
                abs(duration - (event.source.end - event.source.start) / rate_hz)
                < 1.01 / 16_000 + 1 / rate_hz
            )
            committed, running = event.commit_position, None
        elif isinstance(event, Committed):
            assert running is None
            assert event.position > committed
            committed = event.position
        else:
            assert isinstance(event, SettingsApplied)
            applied += 1
    assert running is None
    assert applied <= sum(1 for _, what in script.controls if what == "update")


def test_the_random_talk_reaches_every_reason() -> None:
    """The properties above would prove nothing over streams without utterances."""
    rng = np.random.default_rng(0)
    reasons = set()
    for seed in range(12):
        chosen = rng.choice([0.005, 0.02, 0.42, 0.7, 0.9], 8)
        parts = [(float(level), int(rng.integers(20, 1_800))) for level in chosen]
        script = make(parts, 8_000, Segmentation.VAD, [(0.1 * (seed % 10), "finalize")])
        reasons |= {utterance.reason.value for utterance in script.play([997]).utterances}
    assert reasons == {"silence", "max_length", "finalize", "end_of_stream"}
