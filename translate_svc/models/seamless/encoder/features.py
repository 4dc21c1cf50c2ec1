"""Log-mel features of the speech encoder, batched over ragged utterances.

The numbers are those of `transformers.SeamlessM4TFeatureExtractor` (Kaldi's filter bank): 25 ms frames
every 10 ms, offset removed, pre-emphasis 0.97, povey window, 512-point power spectrum, triangular mel
filters from 20 Hz to the Nyquist frequency, natural logarithm; then mean 0 and variance 1 per utterance and
mel bin, and two neighbouring frames stacked. A row's numbers never depend on other items of the batch: every
step works on one frame, and the statistics use only the row's own frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from translate_svc.errors import CheckpointError
from translate_svc.models import staging
from translate_svc.models.checkpoint.description import FEATURES_FILE, read_feature_config
from translate_svc.models.layers.transformer import to_device
from translate_svc.models.log_mel import LogMelFrames, LogMelMemory
from translate_svc.models.slices import Slices, finish

Number = TypeVar("Number", int, Tensor)

_ONLY = {"feature_extractor_type": "SeamlessM4TFeatureExtractor", "padding_side": "right"}

_FRAME_MS, _HOP_MS = 25, 10
_FFT_SAMPLES = 512
_PRE_EMPHASIS = 0.97
_SAMPLE_SCALE = float(2**15)  # Kaldi expects samples in 16-bit steps
_MEL_FLOOR = 1.192092955078125e-07
_LOWEST_HZ = 20.0
_VARIANCE_FLOOR = 1e-7
_FRAME_BLOCK = 128


class FeatureExtractor(nn.Module):
    """Waveforms -> stacked, normalised log-mel frames. Move it with `.to(device)`; it has no parameters."""

    window: Tensor
    mel_filters: Tensor

    def __init__(
        self,
        *,
        sample_rate_hz: int = 16_000,
        mel_bins: int = 80,
        stride: int = 2,
        config_file: str = FEATURES_FILE,
    ) -> None:
        """``config_file`` is the file that asked for these features. Errors name it."""
        super().__init__()
        self.config_file = config_file
        self.sample_rate_hz = sample_rate_hz
        self.mel_bins = mel_bins
        self.stride = stride
        self.frame_samples = sample_rate_hz * _FRAME_MS // 1000
        self.hop_samples = sample_rate_hz * _HOP_MS // 1000
        if not 2 <= self.frame_samples <= _FFT_SAMPLES:
            raise CheckpointError(f"sampling_rate: {sample_rate_hz} Hz is not supported", field=config_file)
        self.register_buffer("window", _povey_window(self.frame_samples), persistent=False)
        self.register_buffer("mel_filters", _kaldi_mel_filters(mel_bins, sample_rate_hz), persistent=False)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> FeatureExtractor:
        """Reads `preprocessor_config.json` or `processor_config.json` of a checkpoint.

        Raises CheckpointError when neither can be read, or when it asks for features that this class does not
        make.
        """
        file, config = read_feature_config(Path(folder))
        for name, only in _ONLY.items():
            if config.get(name, only) != only:
                message = f"{name}: {config[name]!r} is not supported, only {only!r}"
                raise CheckpointError(message, field=file)
        return cls(
            sample_rate_hz=_positive(config, "sampling_rate", 16_000, file=file),
            mel_bins=_positive(config, "num_mel_bins", 80, file=file),
            stride=_positive(config, "stride", 2, file=file),
            config_file=file,
        )

    @property
    def feature_size(self) -> int:
        """Width of a stacked frame."""
        return self.mel_bins * self.stride

    def stacked_frames(self, samples: int) -> int:
        """Number of stacked frames in an utterance of ``samples`` samples.

        An incomplete stack at the end does not count: transformers zero-fills it, but masks it for the model.
        """
        return self._mel_frames(samples) // self.stride if samples >= self.frame_samples else 0

    def begun_frames(self, samples: int) -> int:
        """As ``stacked_frames``, and an incomplete stack at the end counts, too."""
        return -(-self._mel_frames(samples) // self.stride)

    def room_samples(self, frames: int) -> int:
        """The most samples that ``frames`` stacked frames read."""
        return self.frame_samples + (frames * self.stride - 1) * self.hop_samples

    @property
    def minimum_samples(self) -> int:
        """Samples in the shortest utterance that has one stacked frame."""
        return self.frame_samples + (self.stride - 1) * self.hop_samples

    def forward(self, waveforms: Sequence[NDArray[np.float32] | Tensor]) -> tuple[Tensor, list[int]]:
        """Runs ``slices`` to its end and returns the result."""
        with torch.no_grad():
            return finish(self.slices(waveforms))

    def slices(
        self, waveforms: Sequence[NDArray[np.float32] | Tensor], memory: LogMelMemory | None = None
    ) -> Slices[tuple[Tensor, list[int]]]:
        """Features of 1-D float32 waveforms in [-1, 1] at `sample_rate_hz`.

        `memory`, on a CPU and for one waveform alone: log-mel frames that are known are not computed again.

        Returns `(features, lengths)`: float32 (utterances, frames, feature_size) on this module's device,
        zero at each row's padding, and how many stacked frames each utterance has.
        Raises ValueError for an empty sequence, and for a waveform that is not 1-D or is shorter than
        `minimum_samples`.
        """
        rows = [torch.as_tensor(waveform, dtype=torch.float32) for waveform in waveforms]
        if not rows:
            raise ValueError("waveforms: none given")
        for index, row in enumerate(rows):
            if row.dim() != 1 or len(row) < self.minimum_samples:
                needs = f"needs 1-D with {self.minimum_samples} samples or more"
                raise ValueError(f"waveforms[{index}]: shape {tuple(row.shape)}, {needs}")
        device = self.window.device
        batch = staging.to_device(nn.utils.rnn.pad_sequence(rows, batch_first=True), device)
        frame_counts = [self._mel_frames(len(row)) for row in rows]
        frames = to_device(frame_counts, device)
        log_mel = yield from self._log_mel(batch, memory)
        stacked = self._stacked(log_mel, frames, max(frame_counts) // self.stride)
        return stacked, [count // self.stride for count in frame_counts]

    def of_rows(self, batch: Tensor, samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of rows of one size. The shapes do not depend on values, so a graph can capture it.

        ``batch``: ``[utterances, room_samples(frames)]`` float32, right-padded. ``samples``: by row, int64.

        Returns ``features`` as ``slices`` does, ``stacked_frames`` and ``begun_frames`` of each row.
        """
        frames = self._mel_frames(samples)
        log_mel = self._log_mel_of(batch.unfold(1, self.frame_samples, self.hop_samples))
        features = self._stacked(log_mel, frames, log_mel.shape[1] // self.stride)
        return features, frames // self.stride, -(-frames // self.stride)

    def _mel_frames(self, samples: Number) -> Number:
        return 1 + (samples - self.frame_samples) // self.hop_samples

    def _stacked(self, log_mel: Tensor, frames: Tensor, longest: int) -> Tensor:
        """Normalised and stacked: ``[utterances, longest, feature_size]`` float32, zero at padding."""
        normalised = self._normalise(log_mel, frames)
        stacked = normalised[:, : longest * self.stride].reshape(len(log_mel), longest, self.feature_size)
        in_row = torch.arange(longest, device=log_mel.device) < (frames // self.stride)[:, None]
        return (stacked * in_row[:, :, None]).float()

    def _log_mel(self, batch: Tensor, memory: LogMelMemory | None) -> Slices[Tensor]:
        """(utterances, samples) -> (utterances, frames, mel_bins) float64

        On a CPU it computes one block of frames at a time, so that the block stays in its caches.
        """
        frames = batch.unfold(1, self.frame_samples, self.hop_samples)
        block = _FRAME_BLOCK if batch.device.type == "cpu" else frames.shape[1]
        blocks: list[Tensor] = []
        first = 0
        if memory is not None and memory.frames is not None:
            first = min(len(memory.frames), frames.shape[1])
            known = torch.from_numpy(memory.frames.values[: first * self.mel_bins])
            blocks.append(known.view(1, first, self.mel_bins))
        for start in range(first, frames.shape[1], block):
            blocks.append(self._log_mel_of(frames[:, start : start + block]))
            yield
        log_mel = torch.cat(blocks, dim=1)
        if memory is not None:
            memory.frames = LogMelFrames(log_mel.numpy().reshape(-1), self.mel_bins, self.hop_samples)
        return log_mel

    def _log_mel_of(self, frames: Tensor) -> Tensor:
        frames = frames.double() * _SAMPLE_SCALE
        frames = frames - frames.mean(dim=-1, keepdim=True)
        # The first sample of a frame counts as its own predecessor.
        previous = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        frames = (frames - _PRE_EMPHASIS * previous) * self.window
        spectrum = torch.fft.rfft(frames, n=_FFT_SAMPLES)
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        mel: Tensor = (power @ self.mel_filters).clamp_min(_MEL_FLOOR)
        return mel.log()

    def _normalise(self, log_mel: Tensor, frames: Tensor) -> Tensor:
        """Mean 0, variance 1 (ddof 1) over each row's own frames; padding becomes 0.

        Uses float64: the division below would amplify a rounding error in the mean of a constant signal
        (digital silence).
        """
        in_row = (torch.arange(log_mel.shape[1], device=log_mel.device) < frames[:, None])[:, :, None]
        count = frames[:, None, None].to(log_mel.dtype)
        mean = (log_mel * in_row).sum(dim=1, keepdim=True) / count
        centred = (log_mel - mean) * in_row
        variance = centred.square().sum(dim=1, keepdim=True) / (count - 1)
        return centred / (variance + _VARIANCE_FLOOR).sqrt()


def _positive(config: dict[str, Any], name: str, default: int, *, file: str) -> int:
    value = config.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise CheckpointError(f"{name}: {value!r} is not a positive integer", field=file)
    return value


def _povey_window(length: int) -> Tensor:
    """Kaldi's window: a symmetric Hann window to the power of 0.85. (length,) float64"""
    return torch.hann_window(length, periodic=False, dtype=torch.float64).pow(0.85)


def _kaldi_mel_filters(mel_bins: int, sample_rate_hz: int) -> Tensor:
    """Triangles with straight sides on the mel scale, as in Kaldi. (fft bins, mel_bins) float64"""
    bins = _FFT_SAMPLES // 2 + 1
    bin_mels = _mel(torch.arange(bins, dtype=torch.float64) * sample_rate_hz / _FFT_SAMPLES)
    lowest, highest = (1127.0 * math.log1p(hz / 700.0) for hz in (_LOWEST_HZ, sample_rate_hz / 2))
    corners = torch.linspace(lowest, highest, mel_bins + 2, dtype=torch.float64)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (bin_mels[:, None] - left) / (centre - left)
    falling = (right - bin_mels[:, None]) / (right - centre)
    return torch.minimum(rising, falling).clamp_min(0.0)


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0)
