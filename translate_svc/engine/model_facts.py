"""The facts about a loaded model that the rest of a service needs. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.confidence import UNCALIBRATED, ConfidenceRule
from translate_svc.engine.simultaneous.hypothesis import (
    NO_HYPOTHESES,
    SAFE_COMMIT_DEFAULTS,
    CommitDefaults,
    HypothesisTraits,
)
from translate_svc.language_rule import NO_DETECTION, LanguageDetection
from translate_svc.models.checkpoint.description import Capabilities
from translate_svc.models.checkpoint.utterance_lengths import UNMEASURED_LENGTHS, UtteranceLengths
from translate_svc.types import ModelInfo


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about the model that an engine has loaded.

    A process without the model gets them from the engine's process.

    Attributes:
        capabilities: languages, voices and limits.
        model: name, revision, license, device and dtype.
        hypotheses: how hypotheses are committed unless a stream says otherwise.
        traits: properties of the model that hypotheses depend on.
        confidence: the rule that makes the confidence in a text of its log-probabilities.
        lengths: of utterances that the model handles well.
        detection: the languages that the model can tell by their sound.
        cascade_weight: that of translations through the transcript, unless the operator names another one.
        transcript_retries: how often an unsure transcript is made again, alike.
        characters: those that the model can write; empty if they are not known.
    """

    capabilities: Capabilities
    model: ModelInfo
    hypotheses: CommitDefaults = SAFE_COMMIT_DEFAULTS
    traits: HypothesisTraits = NO_HYPOTHESES
    confidence: ConfidenceRule = UNCALIBRATED
    lengths: UtteranceLengths = UNMEASURED_LENGTHS
    detection: LanguageDetection = NO_DETECTION
    characters: frozenset[str] = frozenset()
    cascade_weight: float = 0.0
    transcript_retries: int = 0
