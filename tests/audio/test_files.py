"""Audio files: their own rate, mono float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from translate_svc.audio.files import read_audio, write_wav
from translate_svc.errors import InvalidArgument


def test_wav_survives_the_round_trip(tmp_path: Path) -> None:
    samples = (np.random.default_rng(0).integers(-32_768, 32_768, 500) / 32_768).astype(np.float32)
    write_wav(tmp_path / "a.wav", samples, 22_050)
    read, rate_hz = read_audio(tmp_path / "a.wav")
    assert rate_hz == 22_050
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, samples)


def test_written_wav_is_16_bit_mono_and_clipped(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([2.0, -2.0, 0.25], dtype=np.float32), 16_000)
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
    written, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert written.tolist() == [32_767, -32_768, 8_192]


def test_flac_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.array([[0.5, 0.0], [-0.25, -0.75]], dtype=np.float32)
    soundfile.write(tmp_path / "a.flac", stereo, 44_100, format="FLAC")
    read, rate_hz = read_audio(tmp_path / "a.flac")
    assert rate_hz == 44_100
    np.testing.assert_allclose(read, [0.25, -0.5], atol=1e-4)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_audio(tmp_path / "none.wav")
    assert caught.value.field == str(tmp_path / "none.wav")
