"""Speech that has ended is followed by its background; nothing else is changed, and no time lies in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.checkpoints import EOS, Driver, Job, new_runner, utterances
from tests.step_results import decode_results
from translate_svc.engine.plan import DecodeItem, EncodeItem, SequenceKey, SourcePlace, StepPlan
from translate_svc.engine.runner.heard_source import at_speed, background, heard_source
from translate_svc.models.checkpoint.cascade_options import RETRY_SPEEDS
from translate_svc.types import EncoderSource, Samples

TAIL = 3_200
LOUD, QUIET = np.full(8_000, 0.5, np.float32), np.tile(np.array([0.01, -0.01, 0.02], np.float32), 800)
SPEECH: Samples = np.concatenate((LOUD, QUIET, LOUD))


def padded(source: EncoderSource, place: SourcePlace | None = None, tail: int = TAIL) -> EncoderSource:
    return heard_source(EncodeItem("a", source, (0,), 0, place), tail)


@pytest.mark.parametrize(
    ("source", "place", "tail"),
    [
        ((5, 6, 7), None, TAIL),
        (SPEECH, SourcePlace("u", 0, is_last=False), TAIL),
        (SPEECH, None, 0),
    ],
    ids=["a text", "an utterance that goes on", "a model that needs none"],
)
def test_what_needs_no_padding_is_heard_as_it_is(
    source: EncoderSource, place: SourcePlace | None, tail: int
) -> None:
    assert padded(source, place, tail) is source


@pytest.mark.parametrize("place", [None, SourcePlace("u", 0, is_last=True)])
def test_speech_that_has_ended_is_followed_by_its_quietest_piece(place: SourcePlace | None) -> None:
    heard = padded(SPEECH, place)
    assert isinstance(heard, np.ndarray)
    assert heard.dtype == np.float32
    np.testing.assert_array_equal(heard[: len(SPEECH)], SPEECH)
    tail = heard[len(SPEECH) :]
    assert len(tail) == TAIL
    assert set(tail.tolist()) == set(QUIET.tolist())


@pytest.mark.parametrize("speed", RETRY_SPEEDS)
def test_speech_at_another_speed_is_shorter_or_longer_and_as_much_higher_or_lower(speed: float) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    heard = heard_source(EncodeItem("a", tone, (0,), 0, sequences=(0,), speed=speed), 0)
    assert isinstance(heard, np.ndarray)
    assert heard.dtype == np.float32
    assert len(heard) == round(16_000 / speed)
    middle = heard[2_000:-2_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * 16_000 / len(middle) == pytest.approx(440 * speed, abs=2)
    assert float(np.abs(middle).max()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("samples", [1_601, 16_000, 47_999])
def test_and_comes_back_as_it_was(samples: int) -> None:
    noise = np.random.default_rng(0).standard_normal(samples)
    smooth = np.convolve(noise, np.hanning(9) / 4, "same").astype(np.float32)
    there = at_speed(smooth, 0.8)
    back = at_speed(there, len(there) / samples)
    np.testing.assert_allclose(back, smooth, atol=1e-3)


@pytest.mark.parametrize("samples", [1, 1_600, 1_601, 16_000])
def test_background_has_any_length_and_no_edge(samples: int) -> None:
    slope = np.linspace(0.1, 0.9, 4_000, dtype=np.float32)
    found = background(slope, samples)
    assert len(found) == samples
    assert np.abs(np.diff(found)).max(initial=0) < 0.001, "forwards and backwards"
    assert found.max() < 0.45, "of its quiet end"


def test_a_source_shorter_than_the_piece_is_repeated_whole() -> None:
    source = np.array([0.1, 0.2], np.float32)
    np.testing.assert_array_equal(background(source, 5), np.array([0.2, 0.1, 0.1, 0.2, 0.2], np.float32))


def test_the_model_hears_the_padding() -> None:
    sources = utterances("tiny")[:4]
    heard = [np.concatenate((each, background(each, TAIL))) for each in sources]
    ours = Driver("tiny", tail_padding_samples=TAIL).translate(jobs(sources))
    for made, expected, bare in zip(
        ours, Driver("tiny").translate(jobs(heard)), Driver("tiny").translate(jobs(sources)), strict=True
    ):
        assert made.token_ids == expected.token_ids
        np.testing.assert_allclose(made.samples, expected.samples, atol=1e-5)
        assert not np.array_equal(made.samples, bare.samples)


def test_no_token_comes_from_the_padding() -> None:
    runner = new_runner("tiny", tail_padding_samples=16_000)
    times_ms = []
    for index, source in enumerate(utterances("tiny")):
        key = SequenceKey(str(index), 0)
        runner.execute(StepPlan(encode=(EncodeItem(key.request_id, source[:1_600], (0,), index),)))
        item = DecodeItem(key, 0, 0, (EOS, 5), return_source_ms=True)
        times_ms += [each.source_ms for each in decode_results(runner.execute(StepPlan(decode=(item,))))]
    assert max(each for each in times_ms if each is not None) == 100, "the end of what was said"


def jobs(sources: Sequence[Samples]) -> list[Job]:
    return [Job(source, "eng", 0, slot) for slot, source in enumerate(sources)]
