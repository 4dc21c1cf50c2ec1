"""SeamlessM4T v2, described."""

from __future__ import annotations

from pathlib import Path

from translate_svc.language_rule import NO_DETECTION, LanguageDetection
from translate_svc.models.checkpoint.description import SPEAKERS_FILE, CheckpointDescription
from translate_svc.models.family_description import FamilyDescription
from translate_svc.models.seamless.config import MODEL_TYPE, ModelConfig
from translate_svc.models.spoken_languages.languages_file import language_rule_of, pooled_features


def _language_detection(folder: Path) -> LanguageDetection:
    described = CheckpointDescription.read(folder)
    rule = language_rule_of(described.path, pooled_features(described.config.hidden_size))
    return NO_DETECTION if rule is None else rule.detection


DESCRIPTION = FamilyDescription(
    MODEL_TYPE,
    "SeamlessM4T v2",
    required_files=(
        "config.json",
        "generation_config.json",
        "tokenizer_config.json",
        "sentencepiece.bpe.model",
    ),
    optional_files=(SPEAKERS_FILE, "special_tokens_map.json", "added_tokens.json", "tokenizer.json"),
    check_config=lambda values, path: ModelConfig.from_mapping(values, path=path),
    capabilities=lambda folder: CheckpointDescription.read(folder).capabilities(),
    language_detection=_language_detection,
)
