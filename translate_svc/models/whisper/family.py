"""Whisper as a family of models."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch

from translate_svc.language_rule import LanguageDetection
from translate_svc.models.alignment.alignment_file import (
    Alignment,
    AttentionRow,
    PolicyName,
    alignment_of,
)
from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.limits import ModelLimits
from translate_svc.models.machine.memory_estimate import MemoryEstimate
from translate_svc.models.machine.speed_estimate import SpeedEstimate
from translate_svc.models.placement import Placement
from translate_svc.models.reference import Reference
from translate_svc.models.whisper.checkpoint import WhisperCheckpoint
from translate_svc.models.whisper.features import WhisperFeatures
from translate_svc.models.whisper.memory import memory_estimate
from translate_svc.models.whisper.speed import speed_estimate
from translate_svc.models.whisper.tokenizer import WhisperTokenizer
from translate_svc.models.whisper.whisper_model import WhisperModel
from translate_svc.models.whisper.window import window_of

_CUTOFF_FRAMES = 25
"""Half a second at the end of a buffer is not trusted: the default of SimulStreaming (Macháček and Polák
2025)."""


class WhisperFamily:
    """Implements ``ModelFamily``.

    Raises:
        CheckpointError: a file is missing, incomplete, of another model, or contradicts ``config.json``.
    """

    context_units = 0

    def __init__(self, path: Path) -> None:
        self._checkpoint = WhisperCheckpoint.open(path)
        self.path = path

    @property
    def capabilities(self) -> Capabilities:
        """Implements ``ModelFamily.capabilities``."""
        return self._checkpoint.capabilities()

    @property
    def vocabulary_size(self) -> int:
        """Implements ``ModelFamily.vocabulary_size``."""
        return self._checkpoint.config.vocab_size

    @property
    def language_detection(self) -> LanguageDetection:
        """Implements ``ModelFamily.language_detection``."""
        return self._checkpoint.generation.language_detection

    @cached_property
    def alignment(self) -> Alignment:
        """Implements ``ModelFamily.alignment``. Without a calibration, the heads that OpenAI published."""
        heads, published = self._checkpoint.generation.alignment_heads, None
        if heads:
            published = Alignment(heads, _CUTOFF_FRAMES, PolicyName.ALIGN_ATT, AttentionRow.PREDICTING)
        return alignment_of(self.path, self._checkpoint.config, published)

    def tokenizer(self) -> WhisperTokenizer:
        """Implements ``ModelFamily.tokenizer``."""
        return WhisperTokenizer.from_pretrained(self.path, self._checkpoint.generation)

    def check_features(self) -> None:
        """Implements ``ModelFamily.check_features``."""
        WhisperFeatures.from_pretrained(self.path, self._checkpoint.config.num_mel_bins)

    def reference(self, placement: Placement) -> Reference:
        """Implements ``ModelFamily.reference``."""
        from translate_svc.models.whisper.reference import WhisperReference

        return WhisperReference(self.path, placement)

    def memory_estimate(self, limits: ModelLimits, placement: Placement) -> MemoryEstimate:
        """Implements ``ModelFamily.memory_estimate``."""
        return memory_estimate(self._checkpoint.config, limits, placement.precision, placement.device)

    def speed_estimate(self, placement: Placement, rows: int) -> SpeedEstimate:
        """Implements ``ModelFamily.speed_estimate``."""
        return speed_estimate(self._checkpoint.config, placement.precision, rows)

    def load(self, limits: ModelLimits, placement: Placement) -> WhisperModel:
        """Implements ``ModelFamily.load``."""
        heads = self.alignment.heads
        return WhisperModel(
            self._checkpoint,
            limits,
            device=torch.device(placement.device),
            precision=placement.precision,
            alignment_heads=AlignmentHeads(heads) if heads else None,
            window=window_of(self.path),
        )
