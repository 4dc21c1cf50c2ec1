"""int8 says what float32 says: held-out clips through the service, in both."""

from __future__ import annotations

import pytest

from benchmarks.quality.bars import bars
from benchmarks.quality.clip import load_clips
from benchmarks.quality.precisions import CLIPS, measure
from benchmarks.quality.report import ROOT
from translate_svc.models.placement import processor_of


@pytest.mark.skipif(not processor_of("cpu").int8, reason="this processor has no fast products of int8")
@pytest.mark.slow
def test_int8_costs_no_quality() -> None:
    clips = [clip for clip in load_clips(CLIPS, "one") if clip.language in ("spa", "deu")]
    figures = measure(ROOT / "model_cache" / "starter", clips, ["int8"])
    measured = {bar.name: bar.value for bar in bars(figures) if bar.value is not None}
    assert measured["int8, texts equal to those of float32"] >= 95
    assert measured["int8, BLEU lost, mean of directions"] <= 0.8
    assert measured["int8, transcripts, WER gained, each language"] <= 0.5
