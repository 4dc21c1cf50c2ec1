"""int8 says what float32 says: held-out clips through the service, in both."""

from __future__ import annotations

import pytest

from benchmarks.quality.clip import load_clips
from benchmarks.quality.precisions import CLIPS, measure
from benchmarks.quality.report import ROOT
from translate_svc.models.placement import processor_of


@pytest.mark.skipif(not processor_of("cpu").int8, reason="this processor has no fast products of int8")
def test_int8_costs_no_quality() -> None:
    clips = [clip for clip in load_clips(CLIPS, "one") if clip.language in ("spa", "deu")]
    rows = measure(str(ROOT / "model_cache" / "starter"), ["int8"], {"one": clips})
    exact, int8 = ([row for row in rows if row.precision == name] for name in ("float32", "int8"))
    for before, after in zip(exact, int8, strict=True):
        assert after.equal >= 95
        assert after.bleu >= before.bleu - 0.8
        assert after.wer <= before.wer + 0.5
