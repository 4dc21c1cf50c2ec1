"""Silero's step: pure, batched, and independent of torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from translate_svc.audio.files import read_audio
from translate_svc.errors import CheckpointError
from translate_svc.vad import silero
from translate_svc.vad.frame_vad import Float32Array
from translate_svc.vad.silero import SileroVad

DATA = Path(__file__).parent.parent / "data"
CLIPS = ["eng_two.flac", "eng_2.flac", "eng_three.flac", "demo_spa.flac", "spa_two.flac", "noise.flac"]


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


def score(vad: SileroVad, streams: Float32Array) -> Float32Array:
    """Probabilities ``[n_streams, n_frames]`` of ``[n_streams, n_frames, 512]``, in one batch a frame."""
    states = np.zeros((len(streams), vad.state_size), dtype=np.float32)
    columns: list[Float32Array] = []
    for index in range(streams.shape[1]):
        probabilities, states = vad.step(streams[:, index], states)
        columns.append(probabilities)
    return np.array(columns, dtype=np.float32).T


def speech(name: str, frames: int) -> Float32Array:
    """The first ``frames`` frames of a sample clip, ``[frames, 512]``."""
    samples, rate_hz = read_audio(DATA / name)
    assert rate_hz == 16_000
    return samples[: frames * 512].reshape(frames, 512)


def test_a_batch_gives_what_each_stream_gives_alone(vad: SileroVad) -> None:
    streams = np.stack([speech(name, 85) for name in CLIPS])
    together = score(vad, streams)
    alone = np.concatenate([score(vad, stream[None]) for stream in streams])
    assert together.max(axis=1)[:-1].min() > 0.9, "every clip but the noise is speech"
    assert together[-1].max() < 0.5
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("part", [slice(0, 128), slice(128, 256), slice(256, 320)], ids=["h", "c", "context"])
def test_every_part_of_the_state_counts(vad: SileroVad, part: slice) -> None:
    """Forgetting the LSTM's output, its cell or the 64 samples of context changes judgements."""
    states = np.zeros((1, vad.state_size), dtype=np.float32)
    changes = []
    for frame in speech("eng_two.flac", 80):
        forgetful = states.copy()
        forgetful[:, part] = 0.0
        changed, _ = vad.step(frame[None], forgetful)
        probabilities, states = vad.step(frame[None], states)
        changes.append(abs(float(changed[0]) - float(probabilities[0])))
    assert max(changes) > 0.01


@pytest.mark.parametrize("level_dbfs", [-70.0, -50.0, -30.0])
def test_white_noise_is_no_speech(vad: SileroVad, level_dbfs: float) -> None:
    rng = np.random.default_rng(1)
    noise = (rng.standard_normal((1, 200, 512)) * 10 ** (level_dbfs / 20)).astype(np.float32)
    assert (score(vad, noise) >= 0.5).mean() < 0.02


def test_neither_torch_nor_the_package_is_imported() -> None:
    program = (
        "import sys; from translate_svc.vad.silero import SileroVad; SileroVad();"
        "print(sorted({'torch', 'silero_vad'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_onnxruntime_leaves_no_id_in_the_user_s_cache(tmp_path: Path) -> None:
    program = "from translate_svc.vad.silero import SileroVad; SileroVad()"
    known = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    homes = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=known | homes, check=True)
    assert not list(tmp_path.iterdir())


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "_PACKAGE", "no_such_package")
    with pytest.raises(CheckpointError) as caught:
        SileroVad()
    assert caught.value.field == "no_such_package/data/silero_vad.onnx"
