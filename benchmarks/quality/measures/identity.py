"""Whether the service gives the same text as transformers' greedy ``generate`` for the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transformers import SeamlessM4TTokenizer

from benchmarks.quality.clip import Clip, by_language
from benchmarks.quality.figures import Figures, IdentityFigures
from benchmarks.quality.pipeline import settings_for, translate_all
from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32
from translate_svc.models.reference import quiet
from translate_svc.models.seamless.reference import Reference
from translate_svc.service import Service

_MAX_NEW_TOKENS = 256


async def measure_identity(service: Service, model: Path, clips: Sequence[Clip]) -> Figures:
    """Each clip into every language, its own included, on a CPU in float32."""
    quiet()
    reference = Reference(model, Placement("cpu", FLOAT32))
    tokenizer = SeamlessM4TTokenizer.from_pretrained(model, local_files_only=True)
    rows = []
    for source, group in by_language(clips).items():
        languages = tuple(group[0].texts)
        settings = settings_for(source, languages)
        heard = await translate_all(service, [(clip.samples, settings) for clip in group])
        same = [
            each.translations.get(language, "") == _generated(reference, tokenizer, clip, language)
            for clip, each in zip(group, heard, strict=True)
            for language in languages
        ]
        rows.append(IdentityFigures(source, 100.0 * sum(same) / len(same), len(same)))
    return Figures(identity=tuple(rows))


def _generated(reference: Reference, tokenizer: SeamlessM4TTokenizer, clip: Clip, language: str) -> str:
    made = reference.translate(clip.samples, language, None, max_new_tokens=_MAX_NEW_TOKENS)
    return str(tokenizer.decode(list(made.token_ids), skip_special_tokens=True))
