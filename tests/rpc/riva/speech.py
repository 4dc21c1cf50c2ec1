"""Speech as programs of Riva send it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from riva.client.proto import riva_asr_pb2 as asr
from riva.client.proto.riva_audio_pb2 import AudioEncoding

from tests.clips import DATA
from translate_svc.audio.codecs import g711
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import resample
from translate_svc.types import Samples

RATE_HZ = 16_000


def samples_of(name: str, silence_s: float = 0.0) -> Samples:
    """A recording of ``tests/data`` at 16 kHz, and silence after it."""
    samples, rate_hz = read_audio(DATA / f"{name}.flac")
    return np.concatenate(
        [resample(samples, rate_hz, RATE_HZ), np.zeros(round(silence_s * RATE_HZ), np.float32)]
    )


def encoded(samples: Samples, encoding: int, rate_hz: int = RATE_HZ) -> bytes:
    """Samples in an encoding of Riva's."""
    file = io.BytesIO()
    match encoding:
        case AudioEncoding.LINEAR_PCM:
            return (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()
        case AudioEncoding.MULAW:
            return g711.to_mulaw(samples).tobytes()
        case AudioEncoding.ALAW:
            return g711.to_alaw(samples).tobytes()
        case AudioEncoding.FLAC:
            soundfile.write(file, samples, rate_hz, format="FLAC")
        case AudioEncoding.OGGOPUS:
            soundfile.write(file, resample(samples, rate_hz, 48_000), 48_000, format="OGG", subtype="OPUS")
    return file.getvalue()


def wav_file(folder: Path, samples: Samples) -> Path:
    path = folder / "speech.wav"
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")
    return path


def chunks(data: bytes, size: int = 3_200) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def recognition(**fields: object) -> asr.RecognitionConfig:
    """English in 16-bit samples, unless ``fields`` say otherwise."""
    usual = {
        "language_code": "en-US",
        "encoding": AudioEncoding.LINEAR_PCM,
        "sample_rate_hertz": RATE_HZ,
        "max_alternatives": 1,
        "enable_automatic_punctuation": True,
        "verbatim_transcripts": True,
    }
    return asr.RecognitionConfig(**(usual | fields))


def tone(duration_s: float = 0.6, silence_s: float = 0.8) -> Samples:
    """A sound that ``EnergyVad`` takes for speech, and silence after it."""
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return np.concatenate(
        [0.5 * np.sin(2 * np.pi * 440 * times), np.zeros(round(silence_s * RATE_HZ))]
    ).astype(np.float32)
