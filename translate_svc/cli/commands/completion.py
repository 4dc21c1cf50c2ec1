"""Shell completion of languages and models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from translate_svc import languages
from translate_svc.config import Settings
from translate_svc.locations import bundled_models
from translate_svc.variables import ENVIRONMENT_PREFIX


def complete_language(incomplete: str) -> Iterator[tuple[str, str]]:
    """Completions of a language, each with the language's name as help.

    For each language it is the first of code, tag and name that begins with the typed text. Only the text
    after the last comma counts. Names of several words are left out, because shells split them.
    """
    typed = incomplete.rpartition(",")[2]
    for language in languages.packaged():
        for spelling in (language.code, language.bcp47, language.name):
            if spelling.casefold().startswith(typed.casefold()) and " " not in spelling:
                # a shell keeps only completions that begin with exactly the typed text
                yield incomplete + spelling[len(typed) :], language.name
                break


def complete_model(incomplete: str) -> Iterator[str]:
    """Completions: names in the model cache, and directories."""
    cache = Path(os.environ.get(f"{ENVIRONMENT_PREFIX}MODEL_CACHE") or Settings().model_cache)
    places = (cache, bundled_models())
    names = {path.parent.name for place in places for path in place.glob("*/config.json")}
    yield from (name for name in sorted(names) if name.startswith(incomplete))
    typed = Path(incomplete)
    folder, stem = (typed, "") if incomplete.endswith(os.sep) else (typed.parent, typed.name)
    if os.sep in incomplete and folder.is_dir():
        yield from (
            str(path) for path in sorted(folder.iterdir()) if path.is_dir() and path.name.startswith(stem)
        )
