"""Integrated loudness of speech (ITU-R BS.1770-5), and the gain that brings it to EBU R 128's -23 LUFS."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from translate_svc.types import Samples

TARGET_LUFS = -23.0
MAX_PEAK_DBFS = -1.0
_OFFSET_DB = -0.691
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_PIECES_PER_S, _PIECES_PER_BLOCK = 10, 4
_REFERENCE_RATE_HZ = 48_000
# the two filters of BS.1770, annex 1, as (numerator, denominator) at 48 kHz
_K_WEIGHTING = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)


class LoudnessMeter:
    """Measures one channel, piece by piece. The filters act on the spectrum of each 100 ms."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._piece_samples = sample_rate_hz // _PIECES_PER_S
        frequencies_hz = np.fft.rfftfreq(self._piece_samples, 1 / sample_rate_hz)
        z = np.exp(-2j * np.pi * frequencies_hz / _REFERENCE_RATE_HZ)
        gain = np.ones(len(z), np.complex128)
        for numerator, denominator in _K_WEIGHTING:
            gain *= np.polyval(numerator[::-1], z) / np.polyval(denominator[::-1], z)
        self._power: npt.NDArray[np.float64] = np.abs(gain) ** 2
        self._squares: list[float] = []
        self._peak = 0.0

    def add(self, blocks: Iterable[Samples]) -> None:
        """Takes all of a recording: blocks ``[n]``, n a whole number of 100 ms but for the last."""
        for block in blocks:
            self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))
            whole = len(block) // self._piece_samples * self._piece_samples
            spectrum = np.fft.rfft(block[:whole].reshape(-1, self._piece_samples), axis=1)
            energy = (np.abs(spectrum) ** 2 * self._power)[:, 1:].sum(axis=1) * 2
            self._squares += (energy / self._piece_samples**2).tolist()

    @property
    def lufs(self) -> float | None:
        """The loudness of the parts that can be heard; None if there are none."""
        squares = np.convolve(self._squares, np.ones(_PIECES_PER_BLOCK) / _PIECES_PER_BLOCK, "valid")
        for _ in range(2):
            loud = squares[_lufs(squares) > _ABSOLUTE_GATE_LUFS]
            if not len(loud):
                return None
            squares = loud[_lufs(loud) > _lufs(loud.mean()) + _RELATIVE_GATE_LU]
        return float(_lufs(squares.mean()))

    @property
    def gain(self) -> float:
        """The factor to ``TARGET_LUFS`` that keeps samples below ``MAX_PEAK_DBFS``; 1 for silence."""
        lufs = self.lufs
        if lufs is None:
            return 1.0
        highest: float = 10 ** (MAX_PEAK_DBFS / 20) / self._peak
        return min(10 ** ((TARGET_LUFS - lufs) / 20), highest)


def _lufs(mean_square: npt.NDArray[np.float64] | np.float64) -> npt.NDArray[np.float64]:
    return _OFFSET_DB + 10 * np.log10(np.maximum(mean_square, 1e-15))
