"""Fake voice activity detectors. All implement ``translate_svc.vad.frame_vad.FrameVad``."""

from __future__ import annotations

import threading

import numpy as np

from translate_svc.vad.frame_vad import Float32Array


class AmplitudeVad:
    """The probability of a frame is its mean absolute sample, so tests write probabilities into the audio.

    A frame filled with 0.9 (or with +-0.9) is speech at probability 0.9, zeros are silence. It is stateless.
    ``batch_sizes`` lists the sizes of the calls made so far.
    """

    state_size = 1

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        self.batch_sizes.append(len(frames))
        return np.minimum(np.abs(frames).mean(axis=1), 1.0).astype(np.float32), states


class EnergyVad:
    """Probability 0.95 where the frame's level reaches ``threshold_dbfs``, otherwise 0.02. Stateless."""

    state_size = 1

    def __init__(self, threshold_dbfs: float = -40.0) -> None:
        self._mean_square = 10.0 ** (threshold_dbfs / 10.0)

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        loud = np.square(frames, dtype=np.float64).mean(axis=1) >= self._mean_square
        return np.where(loud, 0.95, 0.02).astype(np.float32), states


class SmoothedAmplitudeVad:
    """Half the last probability plus half the frame's mean absolute sample. Stateful, as Silero is.

    Tests use it to check that states are reset where they must be and never confused between streams.
    """

    state_size = 3

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        new = states.copy()
        new[:, 1] = 0.5 * states[:, 1] + 0.5 * np.minimum(np.abs(frames).mean(axis=1), 1.0)
        new[:, 2] += 1
        return new[:, 1].copy(), new


class GatedVad(AmplitudeVad):
    """``AmplitudeVad`` that waits in its thread until ``gate`` is set. ``entered`` is set once it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        self.entered.set()
        if not self.gate.wait(timeout=60):
            raise TimeoutError("the test never opened the gate")
        return super().step(frames, states)


class FailingVad(AmplitudeVad):
    """``AmplitudeVad`` that raises in every call whose batch holds a frame with a sample above 1."""

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        if np.abs(frames).max() > 1.0:
            raise RuntimeError("scripted failure")
        return super().step(frames, states)
