"""How far a synthesised waveform is from the original, measured on spectra alone: phases are free."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.starter.units import mel_filters

_RESOLUTIONS = ((256, 64), (512, 128), (1024, 256))  # samples of an FFT, and so of its window, and of a hop
_MEL_FFT_SAMPLES, _MEL_HOP_SAMPLES, _MEL_BINS = 1024, 160, 80
_FLOOR = 1e-4


class SpectralLoss(nn.Module):
    """Multi-resolution STFT loss (Yamamoto et al., Parallel WaveGAN, 2020) plus the distance of log-mels."""

    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        for fft_samples in {fft for fft, _ in _RESOLUTIONS}:
            self.register_buffer(f"window_{fft_samples}", torch.hann_window(fft_samples), persistent=False)
        filters = torch.from_numpy(mel_filters(_MEL_FFT_SAMPLES, _MEL_BINS))
        self.register_buffer("mel", filters, persistent=False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of waveforms (batch, samples)."""
        total = output.new_zeros(())
        for fft_samples, hop_samples in _RESOLUTIONS:
            actual = self._magnitudes(output, fft_samples, hop_samples)
            wanted = self._magnitudes(target, fft_samples, hop_samples)
            convergence = (wanted - actual).square().sum((1, 2)).sqrt() / wanted.square().sum((1, 2)).sqrt()
            distance = ((wanted + _FLOOR).log() - (actual + _FLOOR).log()).abs().mean()
            total = total + (convergence.mean() + distance) / len(_RESOLUTIONS)
        return total + self.mel_distance(output, target)

    def mel_distance(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean absolute difference of log-mel amplitudes (natural logarithm)."""
        return (self._log_mel(output) - self._log_mel(target)).abs().mean()

    def _log_mel(self, wave: Tensor) -> Tensor:
        magnitudes = self._magnitudes(wave, _MEL_FFT_SAMPLES, _MEL_HOP_SAMPLES)
        return (magnitudes.transpose(1, 2) @ self.mel + _FLOOR).log()

    def _magnitudes(self, wave: Tensor, fft_samples: int, hop_samples: int) -> Tensor:
        """(batch, bins, frames)"""
        window: Tensor = getattr(self, f"window_{fft_samples}")
        spectrum = torch.stft(
            wave, fft_samples, hop_samples, window=window, center=False, return_complex=True
        )
        return (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()
