"""SeamlessM4T v2 as a family of models."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch

from translate_svc.language_rule import NO_DETECTION, LanguageDetection, LanguageRule
from translate_svc.models.alignment.alignment_file import Alignment, alignment_of
from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.limits import ModelLimits
from translate_svc.models.machine.memory_estimate import MemoryEstimate
from translate_svc.models.machine.speed_estimate import SpeedEstimate
from translate_svc.models.placement import Placement
from translate_svc.models.reference import Reference
from translate_svc.models.seamless.memory import memory_estimate
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.seamless.speed import speed_estimate
from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer
from translate_svc.models.seamless.vocoder.receptive_field import context_units
from translate_svc.models.spoken_languages.languages_file import language_rule_of, pooled_features


class SeamlessFamily:
    """Implements ``ModelFamily``.

    Raises:
        CheckpointError: a file is missing, incomplete, of another model, or contradicts ``config.json``.
    """

    def __init__(self, path: Path) -> None:
        self._checkpoint = Checkpoint.open(path)
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
    def context_units(self) -> int:
        """Implements ``ModelFamily.context_units``."""
        return context_units(self._checkpoint.config)

    @cached_property
    def alignment(self) -> Alignment:
        """Implements ``ModelFamily.alignment``."""
        return alignment_of(self.path, self._checkpoint.config)

    @property
    def language_detection(self) -> LanguageDetection:
        """Implements ``ModelFamily.language_detection``."""
        return NO_DETECTION if self._language_rule is None else self._language_rule.detection

    @cached_property
    def _language_rule(self) -> LanguageRule | None:
        return language_rule_of(self.path, pooled_features(self._checkpoint.config.hidden_size))

    def tokenizer(self) -> SentencePieceTokenizer:
        """Implements ``ModelFamily.tokenizer``."""
        config, languages = self._checkpoint.config, self._checkpoint.maps.text_languages
        return SentencePieceTokenizer.from_pretrained(self.path, config=config, languages=languages)

    def check_features(self) -> None:
        """Implements ``ModelFamily.check_features``."""
        self._checkpoint.feature_extractor()

    def reference(self, placement: Placement) -> Reference:
        """Implements ``ModelFamily.reference``."""
        from translate_svc.models.seamless.reference import Reference as SeamlessReference

        return SeamlessReference(self.path, placement)

    def memory_estimate(self, limits: ModelLimits, placement: Placement) -> MemoryEstimate:
        """Implements ``ModelFamily.memory_estimate``."""
        return memory_estimate(self._checkpoint.config, limits, placement.precision, placement.device)

    def speed_estimate(self, placement: Placement, rows: int) -> SpeedEstimate:
        """Implements ``ModelFamily.speed_estimate``."""
        return speed_estimate(self._checkpoint.config, placement.precision, rows)

    def load(self, limits: ModelLimits, placement: Placement) -> SeamlessModel:
        """Implements ``ModelFamily.load``. The calibrated heads follow the source, if there are any."""
        heads = self.alignment.heads
        return SeamlessModel(
            self._checkpoint,
            limits,
            device=torch.device(placement.device),
            precision=placement.precision,
            alignment_heads=AlignmentHeads(heads) if heads else None,
            language_rule=self._language_rule,
        )
