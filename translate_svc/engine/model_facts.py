"""What the rest of a service must know of a loaded model. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.engine.simultaneous.draft import NO_DRAFTS, SAFE_DRAFTS, DraftDefaults, DraftTraits
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.confidence.rule import UNCALIBRATED, ConfidenceRule
from translate_svc.types import ModelInfo


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts of the model that an engine has loaded. A process without the model gets them from the engine's.

    Attributes:
        capabilities: languages, voices and limits.
        model: name, revision, license, device and dtype.
        drafts: how drafts are committed unless a stream says otherwise.
        traits: what drafts depend on.
        confidence: from log-probabilities to the confidence in a text.
    """

    capabilities: Capabilities
    model: ModelInfo
    drafts: DraftDefaults = SAFE_DRAFTS
    traits: DraftTraits = NO_DRAFTS
    confidence: ConfidenceRule = UNCALIBRATED
