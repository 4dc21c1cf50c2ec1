"""Two channels become one in which everything is heard that was said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from tests.clips import DATA
from translate_svc.audio.containers import open_media
from translate_svc.audio.files import read_audio
from translate_svc.audio.media_files import OpenMedia, open_sound_file
from translate_svc.audio.mixer import Downmix
from translate_svc.types import Samples

RATE_HZ = 16_000
BLOCK = RATE_HZ // 50


def mixed(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Samples:
    downmix = Downmix()
    sides = np.stack([left, right]).astype(np.float32)
    starts = range(0, sides.shape[1], BLOCK)
    return np.concatenate([downmix.mix(sides[:, start : start + BLOCK]) for start in starts])


@pytest.fixture(scope="module")
def speech() -> Samples:
    samples, rate_hz = read_audio(DATA / "demo_eng.flac")
    assert rate_hz == RATE_HZ
    return samples


@pytest.mark.parametrize("hiss", [0.0, 0.001])
def test_a_voice_whose_sides_are_out_of_phase_is_heard(speech: Samples, hiss: float) -> None:
    noise = np.random.default_rng(0).normal(0, hiss, (2, len(speech)))
    heard = mixed(speech + noise[0], -0.8 * speech + noise[1])
    loud = np.abs(speech) > 0.02
    assert np.corrcoef(heard[loud], speech[loud])[0, 1] > 0.99
    assert np.abs(heard[loud]).sum() > 0.85 * np.abs(speech[loud]).sum()


def test_a_voice_in_the_middle_is_not_lost_to_ambience_that_is_out_of_phase(speech: Samples) -> None:
    """Loud ambience before, and quieter behind the voice, as films with surround sound have it."""
    ambience = np.random.default_rng(0).normal(0, 0.05, len(speech) + RATE_HZ)
    voice = np.concatenate([np.zeros(RATE_HZ), speech])
    level = np.where(np.arange(len(voice)) < RATE_HZ, 1.0, 0.1)
    heard = mixed(voice + level * ambience, voice - level * ambience)
    loud = np.abs(voice) > 0.02
    assert np.corrcoef(heard[loud], voice[loud])[0, 1] > 0.97


def test_of_channels_in_phase_the_mean_is_heard_bit_for_bit(speech: Samples) -> None:
    other = np.roll(speech, 80)
    np.testing.assert_array_equal(mixed(speech, speech), speech)
    np.testing.assert_array_equal(mixed(speech, 0 * speech), speech / 2)
    np.testing.assert_array_equal(mixed(speech + 2 * other, speech), speech + other)


@pytest.mark.parametrize("opened", [open_media, open_sound_file])
def test_a_file_out_of_phase_is_not_silence(
    opened: Callable[[Path], AbstractContextManager[OpenMedia]], tmp_path: Path, speech: Samples
) -> None:
    path = tmp_path / "podcast.wav"
    soundfile.write(path, np.stack([speech, -speech], axis=1), RATE_HZ)
    with opened(path) as media:
        heard = np.concatenate(list(media.blocks()))
    assert np.corrcoef(heard, speech)[0, 1] > 0.99
