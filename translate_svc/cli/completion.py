"""What the shell offers for languages and models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from translate_svc import languages
from translate_svc.config import ENVIRONMENT_PREFIX, Settings


def complete_language(incomplete: str) -> Iterator[tuple[str, str]]:
    """Codes with their names; what is typed may begin either, and may follow a comma."""
    done, comma, typed = incomplete.rpartition(",")
    for language in languages.packaged():
        spellings = (language.code, language.bcp47, language.name)
        if any(spelling.casefold().startswith(typed.casefold()) for spelling in spellings):
            yield f"{done}{comma}{language.code}", language.name


def complete_model(incomplete: str) -> Iterator[str]:
    """Names inside the model cache, and directories."""
    cache = Path(os.environ.get(f"{ENVIRONMENT_PREFIX}MODEL_CACHE") or Settings().model_cache)
    names = sorted(path.parent.name for path in cache.glob("*/config.json"))
    yield from (name for name in names if name.startswith(incomplete))
    typed = Path(incomplete)
    folder, stem = (typed, "") if incomplete.endswith(os.sep) else (typed.parent, typed.name)
    if os.sep in incomplete and folder.is_dir():
        yield from (
            str(path) for path in sorted(folder.iterdir()) if path.is_dir() and path.name.startswith(stem)
        )
