"""The facts about a loaded model that the rest of a service needs. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.engine.simultaneous.draft import NO_DRAFTS, SAFE_DRAFTS, DraftDefaults, DraftTraits
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.confidence.rule import UNCALIBRATED, ConfidenceRule
from translate_svc.types import ModelInfo


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about the model that an engine has loaded.

    A process without the model gets them from the engine's process.

    Attributes:
        capabilities: languages, voices and limits.
        model: name, revision, license, device and dtype.
        drafts: how drafts are committed unless a stream says otherwise.
        traits: properties of the model that drafts depend on.
        confidence: the rule that makes the confidence in a text of its log-probabilities.
    """

    capabilities: Capabilities
    model: ModelInfo
    drafts: DraftDefaults = SAFE_DRAFTS
    traits: DraftTraits = NO_DRAFTS
    confidence: ConfidenceRule = UNCALIBRATED
