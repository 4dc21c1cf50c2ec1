"""Log-mel features of Whisper: those of ``transformers.WhisperFeatureExtractor``.

25 ms frames every 10 ms, each around its place; Hann window, 400-point power spectrum, triangles on Slaney's
mel scale, logarithm to base 10; then nothing is more than 8 below the loudest number of the window, and all
are scaled. Audio is followed by silence to the end of the window.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.description import read_feature_config
from translate_svc.models.log_mel import LogMelFrames, LogMelMemory
from translate_svc.models.slices import Slices
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

HOP_SAMPLES = 160
_FFT_SAMPLES = 400
_REACH = _FFT_SAMPLES // 2
"""Samples on either side of the centre of a frame."""
_EDGE_FRAMES = -(-_REACH // HOP_SAMPLES)
"""Frames at the start that read samples before it, which are mirrored: they depend on where the audio
begins."""
_FLOOR = -10.0
"""Of digital silence."""
_RANGE = 8.0
_BLOCK = 512

_ONLY = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "sampling_rate": INTERNAL_SAMPLE_RATE_HZ,
    "hop_length": HOP_SAMPLES,
    "n_fft": _FFT_SAMPLES,
    "padding_value": 0.0,
    "dither": 0.0,
}


class WhisperFeatures(nn.Module):
    """Waveforms to scaled log-mel frames. It has no parameters. ``mel_bins``: 80 or 128 in published
    models."""

    window: Tensor
    mel_filters: Tensor

    def __init__(self, mel_bins: int) -> None:
        super().__init__()
        self.mel_bins = mel_bins
        window = torch.hann_window(_FFT_SAMPLES, dtype=torch.float64)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel_filters", slaney_filters(mel_bins), persistent=False)

    @classmethod
    def from_pretrained(cls, folder: Path, mel_bins: int) -> WhisperFeatures:
        """Reads ``preprocessor_config.json`` or ``processor_config.json``.

        Raises:
            CheckpointError: neither can be read, or it asks for other features than ``mel_bins`` of this
                class.
        """
        file, config = read_feature_config(folder)
        for name, only in {**_ONLY, "feature_size": mel_bins}.items():
            if config.get(name, only) != only:
                raise CheckpointError(f"{name}: {config[name]!r} is not supported, only {only!r}", field=file)
        return cls(mel_bins)

    def slices(self, waveform: Tensor, frames: int, memory: LogMelMemory | None = None) -> Slices[Tensor]:
        """``[frames, mel_bins]`` float32 of a waveform (``[samples]``, 16 kHz), which is cut or followed by
        silence.

        ``memory``, on a CPU: log-mel frames that are known are not computed again.
        """
        samples = waveform[: frames * HOP_SAMPLES].double()
        room = min(frames * HOP_SAMPLES, len(samples) + _FFT_SAMPLES)
        # torch mirrors no more than it is given
        held = F.pad(samples, (0, max(room, _FFT_SAMPLES) - len(samples)))
        mirrored = F.pad(held[None], (_REACH, _REACH), mode="reflect")[0]
        count = min(frames, (len(samples) + _REACH - 1) // HOP_SAMPLES + 1)  # later ones are silent
        log_mel = samples.new_full((frames, self.mel_bins), _FLOOR)
        known = _known(memory, count)
        if known is not None:
            log_mel[_EDGE_FRAMES : len(known)] = known[_EDGE_FRAMES:]
        cut = mirrored.unfold(0, _FFT_SAMPLES, HOP_SAMPLES)
        first = 0 if known is None else len(known)
        for start, end in (*_blocks(0, min(first, _EDGE_FRAMES)), *_blocks(first, count)):
            log_mel[start:end] = self._log_mel(cut[start:end])
            yield
        if memory is not None:
            complete = max(0, (len(samples) - _REACH) // HOP_SAMPLES + 1)
            values = log_mel[:complete].numpy().reshape(-1).copy()
            memory.frames = LogMelFrames(values, self.mel_bins, HOP_SAMPLES)
        return ((log_mel.maximum(log_mel.max() - _RANGE) + 4.0) / 4.0).float()

    def _log_mel(self, frames: Tensor) -> Tensor:
        """``[frames, 400]`` -> ``[frames, mel_bins]``."""
        spectrum = torch.fft.rfft(frames * self.window)
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        mel: Tensor = (power @ self.mel_filters).clamp_min(10**_FLOOR)
        return mel.log10()


def _known(memory: LogMelMemory | None, count: int) -> Tensor | None:
    """Frames of an earlier encoding that are those of this one, ``[frames, mel_bins]``; None without any."""
    if memory is None or memory.frames is None or len(memory.frames) <= _EDGE_FRAMES:
        return None
    return torch.from_numpy(memory.frames.values).view(len(memory.frames), -1)[:count]


def _blocks(start: int, end: int) -> list[tuple[int, int]]:
    return [(first, min(first + _BLOCK, end)) for first in range(start, end, _BLOCK)]


def slaney_filters(mel_bins: int) -> Tensor:
    """Triangles of equal area on the mel scale of Slaney's Auditory Toolbox, as librosa makes them by
    default: linear to 1 kHz, logarithmic above. ``[fft bins, mel_bins]`` float64.
    """
    hertz = torch.linspace(0, INTERNAL_SAMPLE_RATE_HZ / 2, _FFT_SAMPLES // 2 + 1, dtype=torch.float64)
    most = 15.0 + 27.0 * math.log(INTERNAL_SAMPLE_RATE_HZ / 2000.0) / math.log(6.4)
    mels = torch.linspace(0.0, most, mel_bins + 2, dtype=torch.float64)
    corners = torch.where(
        mels < 15.0, mels * 200.0 / 3.0, 1000.0 * torch.exp((mels - 15.0) * math.log(6.4) / 27.0)
    )
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (hertz[:, None] - left) / (centre - left)
    falling = (right - hertz[:, None]) / (right - centre)
    return torch.minimum(rising, falling).clamp_min(0.0) * (2.0 / (right - left))
