"""Units: counts, indices, and that the nearest centre is taken."""

from __future__ import annotations

import numpy as np
import pytest

from training.starter.grammar import LANGUAGES
from training.starter.model_config import UNIT_COUNT
from training.starter.synthesis import synth
from training.starter.synthesis.target_speech import TargetSpeech, hop_centres, speak
from training.starter.units import UNUSED_UNIT, UnitCodebook, log_mel, train


def random_codebook(seed: int) -> UnitCodebook:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((UNIT_COUNT - 1, 64)).astype(np.float32)
    means = {code: np.full(64, index - 4, np.float32) for index, code in enumerate(LANGUAGES)}
    scales = {code: np.full(64, index + 1, np.float32) for index, code in enumerate(LANGUAGES)}
    return UnitCodebook(centres, means, scales)


def test_the_nearest_centre_is_taken_and_index_one_never() -> None:
    codebook = random_codebook(1)
    noise = 0.1 * np.random.default_rng(2).standard_normal(96_000).astype(np.float32)
    for language in LANGUAGES:
        units = codebook.units_of(noise, language)
        frames = (log_mel(noise) - codebook.means[language]) / codebook.scales[language]
        nearest = np.linalg.norm(frames[:, None] - codebook.centres, axis=2).argmin(axis=1)
        assert np.array_equal(np.delete(np.arange(UNIT_COUNT), UNUSED_UNIT)[nearest], units)
        assert UNUSED_UNIT not in units
    every = UnitCodebook(frames[: UNIT_COUNT - 1], codebook.means, codebook.scales).units_of(noise, language)
    assert set(every.tolist()) >= set(range(UNIT_COUNT)) - {UNUSED_UNIT}


def test_log_mel_is_taken_where_it_is_asked_for() -> None:
    noise = np.random.default_rng(6).standard_normal(320 * 12).astype(np.float32)
    centres = hop_centres(len(noise))
    np.testing.assert_allclose(log_mel(noise, centres[2:5]), log_mel(noise)[2:5], atol=1e-4)
    np.testing.assert_allclose(log_mel(noise[100:], centres[4:8] - 100), log_mel(noise)[4:8], atol=1e-4)


@pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")
def test_training_makes_units_that_stand_for_the_sound() -> None:
    """A codebook of a few sentences explains most of the variance of other speech by the same speaker."""
    codebook = train(texts_per_language=15)
    speech = TargetSpeech("combination")
    rng = np.random.default_rng(5)
    for language in LANGUAGES:
        samples = np.concatenate([speak(speech.draw(rng, language)[1], language).samples for _ in range(4)])
        frames = (log_mel(samples) - codebook.means[language]) / codebook.scales[language]
        units = codebook.units_of(samples, language)
        error = frames - codebook.centres[units - (units > UNUSED_UNIT)]
        explained = 1 - np.mean(error**2) / np.mean(frames**2)
        assert explained > 0.85
        assert len(set(units.tolist())) > 40
