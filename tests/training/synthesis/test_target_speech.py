"""What the vocoder learns: the same text by two speakers, moment by moment."""

from __future__ import annotations

import numpy as np
import pytest

from training.starter.grammar import LANGUAGES, Language
from training.starter.synthesis import synth
from training.starter.synthesis.synth import Phoneme, Speech, SynthesisError
from training.starter.synthesis.target_speech import HOP_SAMPLES, counterparts, hop_centres, speak
from training.starter.train_vocoder import utter
from training.starter.units import UnitCodebook, log_mel

needs_espeak = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")
TEXTS: dict[Language, str] = {
    "eng": "Where is the station? I would like two tickets.",
    "spa": "¿Dónde está la estación? Quisiera dos billetes.",
    "fra": "Où est la gare? Je voudrais deux billets.",
    "deu": "Wo ist der Bahnhof? Ich möchte zwei Fahrkarten.",
}


def _spoken(*starts: int, length: int) -> Speech:
    return Speech(np.zeros(length, np.float32), (), tuple(Phoneme(f"p{i}", s) for i, s in enumerate(starts)))


def test_counterparts_run_evenly_from_phoneme_to_phoneme() -> None:
    speech, reference = _spoken(0, 1000, 3000, length=4000), _spoken(0, 500, 3500, length=4500)
    found = counterparts(np.array([0.0, 500, 1000, 2000, 3000, 3900]), speech, reference)
    assert found.tolist() == [0, 250, 500, 2000, 3500, 4400]


def test_other_phonemes_have_no_counterparts() -> None:
    with pytest.raises(SynthesisError, match="phonemes"):
        counterparts(np.zeros(1), _spoken(0, 10, length=20), _spoken(0, length=20))


@needs_espeak
@pytest.mark.parametrize("language", LANGUAGES)
def test_both_speakers_make_the_same_sounds_at_counterparts(language: Language) -> None:
    """Their spectra, each freed of its speaker's mean, agree there, and less two units later."""
    low, high = (speak(TEXTS[language], language, speaker_id) for speaker_id in (0, 1))
    centres = hop_centres(len(high.samples))
    wanted = log_mel(high.samples)

    def likeness(places: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        got = log_mel(low.samples, places)
        return float(np.corrcoef((got - got.mean(0)).ravel(), (wanted - wanted.mean(0)).ravel())[0, 1])

    aligned = likeness(counterparts(centres, high, low))
    assert aligned > 0.8
    assert aligned > likeness(counterparts(centres, high, low) + 2 * HOP_SAMPLES) + 0.1


@needs_espeak
def test_units_of_the_second_speaker_are_those_of_the_first_at_counterparts() -> None:
    centres = np.random.default_rng(0).standard_normal((249, 64)).astype(np.float32)
    codebook = UnitCodebook(
        centres,
        dict.fromkeys(LANGUAGES, np.full(64, -4, np.float32)),
        dict.fromkeys(LANGUAGES, np.full(64, 2, np.float32)),
    )
    low, high = (utter(TEXTS["eng"], "eng", speaker_id, codebook) for speaker_id in (0, 1))
    assert len(high.samples) == HOP_SAMPLES * len(high.units)
    assert len(low.samples) == HOP_SAMPLES * len(low.units)
    at_high = codebook.units_of(high.samples, "eng")
    common = set(low.units.tolist())
    assert np.mean([unit in common for unit in high.units]) > 0.9
    assert np.mean(at_high == high.units) < 0.5  # its own spectra are others
