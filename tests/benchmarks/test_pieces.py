"""Pieces of speech in ``make quality``: what counts as invented, and that the sets are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.measures.pieces import PIECE_SETS, pieces
from benchmarks.quality.sets import free_clips
from training.starter.grammar import LANGUAGES
from training.starter.synthesis import synth

needs_espeak = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")


@needs_espeak
@pytest.mark.parametrize("name", PIECE_SETS)
def test_a_piece_depends_on_its_number_alone(name: str) -> None:
    first, again = pieces(name, "deu", 3), pieces(name, "deu", 3)
    for one, other in zip(first, again, strict=True):
        assert one.heard.texts == other.heard.texts
        assert one.heard.prefixes == other.heard.prefixes
        assert len(one.heard.features) <= len(one.whole.features)
    assert len({tuple(one.heard.texts.values()) for one in first}) > 1


@needs_espeak
def test_free_talk_has_no_text_in_any_language() -> None:
    clips = free_clips(8)
    assert [clip.language for clip in clips] == [*LANGUAGES, *LANGUAGES]
    assert not any(text for clip in clips for text in clip.texts.values())
    assert all(np.abs(clip.samples).max() > 0.05 for clip in clips)
