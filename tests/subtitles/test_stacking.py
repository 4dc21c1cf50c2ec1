"""Two languages in one cue: each text stands beside its own translation, also where cues overlap."""

from __future__ import annotations

from translate_svc.subtitles.cues import Cue
from translate_svc.subtitles.stacking import stacked


def test_cues_that_overlap_keep_their_own_translations() -> None:
    times = (2_000, 4_000), (3_000, 5_000), (3_000, 5_000), (3_500, 4_500)
    said = [Cue(*each, (f"said {number}",)) for number, each in enumerate(times)]
    heard = [Cue(*each, (f"heard {number}",)) for number, each in enumerate(times) if number != 3]
    lines = [cue.lines for cue in stacked([said, heard])]
    assert lines == [("said 0", "heard 0"), ("said 1", "heard 1"), ("said 2", "heard 2"), ("said 3",)]


def test_a_cue_stands_in_all_that_share_its_time_and_alone_where_none_does() -> None:
    said = [Cue(0, 2_000, ("one",)), Cue(2_100, 4_000, ("two",)), Cue(9_000, 9_500, ("three",))]
    heard = [Cue(0, 4_000, ("uno y dos",)), Cue(6_000, 7_000, ("nada",))]
    assert [cue.lines for cue in stacked([said, heard])] == [
        ("one", "uno y dos"),
        ("two", "uno y dos"),
        ("nada",),
        ("three",),
    ]
