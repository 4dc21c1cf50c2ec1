"""A detector with the cost of the real one, which takes loud audio for speech."""

from __future__ import annotations

from tests.fakes.fake_vad import EnergyVad
from translate_svc.vad.frame_vad import Float32Array
from translate_svc.vad.silero import SileroVad


class HeardVad(SileroVad):
    """Computes what Silero computes, and answers as ``EnergyVad``: benchmarks send no voice."""

    def __init__(self) -> None:
        super().__init__()
        self._energy = EnergyVad()

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        """As ``FrameVad.step``."""
        probabilities, _ = self._energy.step(frames, states)
        return probabilities, super().step(frames, states)[1]
