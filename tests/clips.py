"""The recordings of tests/data and what they say; ``training.starter.make_samples`` wrote them."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@functools.cache
def entries() -> dict[str, dict[str, Any]]:
    """The entry of each clip in clips.json, by its name without suffix."""
    clips = json.loads((DATA / "clips.json").read_text("utf-8"))["clips"]
    return {Path(clip["file"]).stem: clip for clip in clips}


def texts(name: str) -> dict[str, str]:
    """What a clip says, in every language of the starter."""
    return dict(entries()[name]["texts"])


def sentences(name: str) -> list[dict[str, Any]]:
    """``transcript``, ``translation`` (into the clip's target language), ``start_ms``, ``end_ms`` of each."""
    return list(entries()[name]["sentences"])
