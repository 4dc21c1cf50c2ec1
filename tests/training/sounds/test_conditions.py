"""Rooms, noise, lines and microphones do to a sound what they are named for."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from training.starter.sounds import compression, conditions, noise
from training.starter.sounds.conditions import SAMPLE_RATE, Samples, Speechless
from training.starter.synthesis import synth
from training.starter.synthesis.voices import Voice

needs_espeak = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def decibels(samples: NDArray[np.floating]) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-20))


def band_decibels(samples: Samples, low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return float(10 * np.log10(spectrum[(frequency_hz >= low_hz) & (frequency_hz < high_hz)].mean() + 1e-20))


@pytest.fixture
def talk() -> Samples:
    """Like speech in what matters here: bursts of a broad band with pauses, 3 s, odd length."""
    sound = noise.colored(3 * SAMPLE_RATE + 7, rng(1), 0.7)
    gate = np.arange(len(sound)) % 8000 < 5000
    return np.asarray(0.1 * sound / np.abs(sound).max() * gate, np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_a_telephone_line_has_its_band_its_steps_and_no_delay(talk: Samples, seed: int) -> None:
    before = talk.copy()
    heard = conditions.telephone(talk, rng(seed))
    np.testing.assert_array_equal(talk, before)
    assert heard.shape == talk.shape
    assert heard.dtype == np.float32
    inside = band_decibels(heard, 800, 2500)
    assert inside == pytest.approx(band_decibels(talk, 800, 2500), abs=1.0)
    assert band_decibels(heard, 4300, 7500) < inside - 45
    assert band_decibels(talk, 4300, 7500) > inside - 15
    assert band_decibels(heard, 5, 35) < band_decibels(talk, 5, 35) - 6
    lag = int(np.argmax(np.correlate(heard, talk[50:-50], "valid"))) - 50
    assert abs(lag) <= 1
    # companding noise: 8 bits leave about 37 dB
    error = heard - conditions._filtered(talk, lambda hz: (hz < 4000).astype(np.float32))
    assert band_decibels(np.asarray(error, np.float32), 1000, 2500) > inside - 60


@pytest.mark.parametrize("signal_to_noise_db", [5.0, 20.0])
@pytest.mark.parametrize(
    "add", [conditions.with_noise, pytest.param(conditions.with_babble, marks=needs_espeak)]
)
def test_noise_lies_as_far_below_the_sounding_part_as_asked(
    talk: Samples, add: Callable[[Samples, float, np.random.Generator], Samples], signal_to_noise_db: float
) -> None:
    found = []
    for seed in range(6):
        added = add(talk, signal_to_noise_db, rng(seed)) - talk
        found.append(decibels(talk[np.abs(talk) > 1e-3]) - decibels(added))
    # sounds of clicks are measured by their peaks, two kinds at once are a little louder
    assert np.median(found) == pytest.approx(signal_to_noise_db, abs=2.0)


def test_nothing_is_added_to_digital_silence() -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    np.testing.assert_array_equal(conditions.with_noise(silence, 10.0, rng()), silence)


@pytest.mark.parametrize("seed", range(6))
def test_a_room_answers_after_the_direct_sound_and_dies_away(seed: int) -> None:
    impulse = np.zeros(2 * SAMPLE_RATE, np.float32)
    impulse[100] = 1.0
    response = conditions.reverberate(impulse, rng(seed))
    assert np.abs(response[:100]).max() < 1e-5
    assert response[100] == pytest.approx(1.0, abs=1e-4)
    early, late = response[132:1000], response[100 + int(1.25 * SAMPLE_RATE) :]
    assert decibels(early) > -60
    assert decibels(late) < -90


def test_rooms_differ_in_size() -> None:
    impulse = np.zeros(2 * SAMPLE_RATE, np.float32)
    impulse[0] = 1.0
    responses = [conditions.reverberate(impulse, rng(seed)) for seed in range(40)]
    lengths_s = [np.flatnonzero(np.abs(response) > 1e-6)[-1] / SAMPLE_RATE for response in responses]
    assert min(lengths_s) < 0.3
    assert max(lengths_s) > 0.7


def test_a_microphone_tilts_by_as_many_decibels_an_octave() -> None:
    sound = noise.white(4 * SAMPLE_RATE, rng())
    slopes = []
    for seed in range(30):
        heard = conditions.microphone(sound, rng(seed))
        change = [
            band_decibels(heard, hz, 1.1 * hz) - band_decibels(sound, hz, 1.1 * hz)
            for hz in (500, 1000, 2000)
        ]
        assert change[2] - change[1] == pytest.approx(change[1] - change[0], abs=0.3)
        assert change[1] == pytest.approx(0.0, abs=0.6)
        slopes.append(change[2] - change[1])
    assert -4.2 < min(slopes) < -2
    assert 2 < max(slopes) < 4.2


@needs_espeak
def test_worsened_speech_is_of_16_bits_and_its_seed_decides(talk: Samples) -> None:
    for seed in range(30):
        worse = conditions.worsen(talk, rng(seed))
        assert worse.shape == talk.shape
        assert worse.dtype == np.float32
        assert np.abs(worse).max() <= 1.0
        steps = worse.astype(np.float64) * 32768
        np.testing.assert_array_equal(steps, np.round(steps))
        np.testing.assert_array_equal(worse, conditions.worsen(talk, rng(seed)))


@needs_espeak
def test_worsened_speech_is_still_that_speech() -> None:
    speech = synth.synthesize("Where is the red car?", Voice("eng", "en-us")).samples
    alike = []
    for seed in range(20):
        worse = conditions.worsen(speech, rng(seed))
        alike.append(np.corrcoef(speech, worse)[0, 1])
    assert np.median(alike) > 0.85
    assert min(alike) > 0.4


@needs_espeak
@pytest.mark.parametrize("kind", get_args(Speechless))
def test_recordings_without_speech(kind: Speechless) -> None:
    recordings = [conditions.without_speech(kind, rng(seed), held_out=seed % 2 == 0) for seed in range(20)]
    for recording in recordings:
        assert recording.dtype == np.float32
        assert 0.25 * SAMPLE_RATE <= len(recording) <= 13.2 * SAMPLE_RATE
        assert np.abs(recording).max() <= 1.0
    levels = [decibels(recording) for recording in recordings]
    if kind == "silence":
        assert max(levels) < -55
        assert min(levels) < -150
    else:
        assert -80 < min(levels) < -35
        assert max(levels) > -35
    assert len({len(recording) for recording in recordings}) > 10


@pytest.mark.parametrize("bits_per_s", [6_000, 12_000, 24_000])
def test_opus_is_neither_late_nor_longer(talk: Samples, bits_per_s: int) -> None:
    heard = compression.opus(talk, bits_per_s)
    assert heard.shape == talk.shape
    assert heard.dtype == np.float32
    envelope, before = (np.convolve(np.abs(each), np.ones(160) / 160, "same") for each in (heard, talk))
    lags = range(-1600, 1601, 16)
    best = max(lags, key=lambda lag: float(np.dot(np.roll(envelope, -lag), before)))
    assert abs(best) <= 320  # 20 ms: few bits blur where a sound begins
    assert decibels(heard) == pytest.approx(decibels(talk), abs=3.0)


def test_fewer_bits_leave_less(talk: Samples) -> None:
    error = [decibels(compression.opus(talk, bits) - talk) for bits in (6_000, 64_000)]
    assert error[0] > error[1] + 3


@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_band_keeps_what_is_low(talk: Samples, seed: int) -> None:
    heard = conditions.band_limited(talk, rng(seed))
    assert band_decibels(heard, 200, 2000) == pytest.approx(band_decibels(talk, 200, 2000), abs=0.5)
    assert band_decibels(heard, 7400, 7900) < band_decibels(talk, 7400, 7900) - 8


@pytest.mark.parametrize("seed", range(4))
def test_clipping_flattens_the_peaks_alone(talk: Samples, seed: int) -> None:
    heard = conditions.clipped(talk, rng(seed))
    peak = np.abs(talk).max()
    assert np.abs(heard).max() == pytest.approx(peak, rel=1e-4)
    flat = np.abs(heard) > 0.999 * peak
    assert flat.sum() > 20 * (np.abs(talk) > 0.999 * peak).sum()
    ratio = heard[~flat & (np.abs(talk) > 1e-4)] / talk[~flat & (np.abs(talk) > 1e-4)]
    assert ratio.std() < 1e-3 * ratio.mean()


def test_a_codec_takes_what_is_louder_than_full_scale(talk: Samples) -> None:
    loud = talk * np.float32(30)
    assert np.abs(loud).max() > 2
    assert decibels(conditions.codec(loud, rng(3))) == pytest.approx(decibels(loud), abs=3.0)


@needs_espeak
def test_a_crowd_is_near_now_and_then(talk: Samples) -> None:
    draws = rng(6)
    near = [
        heard - talk
        for _ in range(120)
        if not np.array_equal(heard := conditions.in_a_crowd(talk, draws), talk)
    ]
    assert 4 <= len(near) <= 24
    sounding = decibels(talk[np.abs(talk) > 1e-3])
    assert all(0.0 < sounding - decibels(each) < 15.0 for each in near)


def test_a_few_recordings_are_changed_on_their_way(talk: Samples) -> None:
    draws = rng(5)
    changed = [not np.array_equal(conditions.send_on(talk, draws), talk) for _ in range(150)]
    assert 0.1 < np.mean(changed) < 0.32
