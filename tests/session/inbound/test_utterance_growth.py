"""Steps of simultaneous translation: where they lie, and what of the utterance comes with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.session.inbound.test_utterance_source import FRAME, OPTIONS, frames
from tests.session.source_driver import Driver, heard_by
from translate_svc.audio.resampler import resample
from translate_svc.engine.simultaneous.commit_policy import LocalAgreement
from translate_svc.session.inbound.source_events import Committed, Utterance, UtteranceGrew, UtteranceStarted
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.types import EndReason, Segmentation
from translate_svc.vad.options import VadOptions


def settings(
    step_frames: int,
    buffer_frames: int = 100,
    segmentation: Segmentation = Segmentation.VAD,
    *,
    voice_gate: bool = False,
    vad: VadOptions = OPTIONS,
) -> Negotiated:
    options = SimultaneousOptions(step_frames * 32, buffer_frames * 32, LocalAgreement(), 2_560, 1_600)
    return replace(heard_by(vad, segmentation, voice_gate=voice_gate), simultaneous=options)


def stream(asked: Negotiated, rate_hz: int = 16_000) -> Driver:
    return Driver(UtteranceSource(rate_hz, asked))


def grown(driver: Driver) -> list[tuple[int, int, int | None]]:
    """Of each step its first frame and its end, both in frames of the input, and its voiced frames."""
    found: list[tuple[int, int, int | None]] = []
    start = 0
    for event in driver.events:
        if isinstance(event, UtteranceStarted):
            start = event.position // FRAME
        elif isinstance(event, UtteranceGrew):
            first = start + event.first_sample // FRAME
            end = event.heard_position // FRAME
            assert len(event.samples) == (end - first) * FRAME
            found.append((first, end, event.voiced_frames))
    return found


ROWS = [
    pytest.param("." * 40, settings(3), [], id="nobody speaks"),
    pytest.param(
        "." * 10 + "#" * 10 + "." * 30,  # from frame 6 on; frame 30 ends it
        settings(3),
        [(6, 15, 5), (6, 18, 8), (6, 21, 10), (6, 24, 10), (6, 27, 10)],
        id="every step until the end",
    ),
    pytest.param("#" * 20, settings(8, 12), [(0, 8, 8), (4, 16, 16)], id="at most the buffer"),
    pytest.param(
        ("." * 5 + "#" * 7) * 2 + "." * 30,  # pauses of five frames do not end it
        settings(10),
        [(1, 11, 6), (1, 21, 11), (1, 31, 14)],
        id="silence within counts",
    ),
    pytest.param(
        "." * 10,
        settings(4, 100, Segmentation.MANUAL),
        [(0, 4, None), (0, 8, None)],
        id="manual: from the start, unscored",
    ),
    pytest.param(
        "..##...",
        settings(4, 100, Segmentation.MANUAL, voice_gate=True),
        [(0, 4, 2)],
        id="manual with the gate: scored",
    ),
]


@pytest.mark.parametrize("sizes", [(10**9,), (160,), (777, 5_000)])
@pytest.mark.parametrize(("row", "asked", "steps"), ROWS)
def test_steps(
    row: str, asked: Negotiated, steps: list[tuple[int, int, int | None]], sizes: tuple[int, ...]
) -> None:
    driver = stream(asked)
    driver.push(frames(row), sizes)
    assert grown(driver) == steps


def test_what_grew_is_the_beginning_of_the_utterance() -> None:
    driver = stream(settings(5, 14))
    noise = np.random.default_rng(0).normal(0, 0.01, 60 * FRAME).astype(np.float32)
    driver.push(frames("." * 10 + "#" * 20 + "." * 30) + noise)
    (utterance,) = driver.utterances
    steps = [event for event in driver.events if isinstance(event, UtteranceGrew)]
    assert len(steps) >= 4
    for step in steps:
        whole = utterance.samples[step.first_sample :][: len(step.samples)]
        np.testing.assert_array_equal(step.samples[: len(whole)], whole)
    assert utterance.heard_position > steps[-1].heard_position >= utterance.source.end - 5 * FRAME


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_steps_at_another_rate_hear_through_the_same_moment(rate_hz: int) -> None:
    audio = resample(frames("." * 10 + "#" * 20 + "." * 30), 16_000, rate_hz)
    driver = stream(settings(5), rate_hz)
    driver.push(audio, (997,))
    start = next(each.position for each in driver.events if isinstance(each, UtteranceStarted))
    steps = [event for event in driver.events if isinstance(event, UtteranceGrew)]
    assert len(steps) >= 4
    for step in steps:
        heard_s = (step.heard_position - start) / rate_hz
        assert abs(heard_s - len(step.samples) / 16_000) < 0.002


def test_clear_drops_steps_that_were_not_pulled_and_the_grid_starts_anew() -> None:
    driver = stream(settings(4, 100, Segmentation.MANUAL))
    driver.source.push(frames("#" * 9))
    driver.source.clear()
    assert driver.pull() == [Committed(9 * FRAME)]
    driver.push(frames("#" * 5))
    steps = [event for event in driver.events if isinstance(event, UtteranceGrew)]
    assert [event.heard_position for event in steps] == [13 * FRAME]
    assert not [event for event in driver.events if isinstance(event, Utterance)]


def test_a_cut_for_length_takes_nothing_back_that_a_step_heard() -> None:
    """The only pause lies before a step. Its words may have been told; the next utterance said them again."""
    options = replace(OPTIONS, cut_search_ms=40 * 32)
    audio = frames("#" * 41 + "." * 4 + "#" * 60)
    whole, growing = stream(heard_by(options)), stream(settings(4, vad=options))
    for driver in (whole, growing):
        driver.push(audio)
    last_step = max(end for _, end, _ in grown(growing) if end <= 80)
    assert whole.utterances[0].source.end < last_step * FRAME <= growing.utterances[0].source.end
    assert growing.utterances[0].reason is EndReason.MAX_LENGTH


def test_the_last_second_before_a_cut_for_length_has_no_step() -> None:
    driver = stream(settings(3))
    driver.push(frames("#" * 79))
    assert grown(driver)[-1][1] == 48, "80 frames are the most, and 31 are left to choose from"
