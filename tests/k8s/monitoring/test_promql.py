"""What the small reader of PromQL sees, so that the checks built on it can be believed."""

from __future__ import annotations

import pytest

from tests.k8s.monitoring.promql import PromqlError, complaints, parse


def test_it_sees_functions_labels_groupings_and_ranges() -> None:
    query = (
        "histogram_quantile(0.95, sum by (le, stage) "
        '(rate(translate_svc_stage_seconds_bucket{namespace="x", stage=~"a|b"}[5m])))'
        " / on (pod) translate_svc_slots"
    )
    bucket, slots = parse(query)
    assert bucket.functions == ("rate", "sum", "histogram_quantile")
    assert bucket.labels == {"le", "stage", "namespace"}
    assert bucket.grouped_by == {"le", "stage"}
    assert bucket.has_range
    assert (slots.functions, slots.has_range) == ((), False)


@pytest.mark.parametrize(
    "query",
    [
        "translate_svc_slots",
        'sum(translate_svc_slots_busy{pod="a"}) by (pod) / sum(translate_svc_slots) by (pod)',
        "sum by (cause) (rate(translate_svc_rejected_total[$__rate_interval]))",
        "histogram_quantile(0.5, sum by (le) (rate(translate_svc_step_seconds_bucket[5m])))",
        "rate(translate_svc_step_seconds_sum[5m]) / rate(translate_svc_step_seconds_count[5m])",
        "max(translate_svc_ready) or vector(0)",
    ],
)
def test_sound_queries(query: str) -> None:
    assert list(complaints(query)) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sum(up)", "neither a metric of the server"),
        ("sum(translate_svc_slots", ") is missing"),
        ("translate_svc_slots}", "closes nothing"),
        ("translate_svc_slots ? 1", "cannot be read"),
        ("vector(0)", "no metric of the server"),
        ("translate_svc_slot", "translate_svc_slot is not exposed"),
        ("translate_svc_rejected_total", "its total says nothing"),
        ("rate(translate_svc_slots[5m])", "it has no rate"),
        ("sum by (code) (rate(translate_svc_rejected_total[5m]))", "has no label code"),
        ('rate(translate_svc_rejected_total{couse="x"}[5m])', "has no label couse"),
        ("histogram_quantile(0.5, sum(rate(translate_svc_step_seconds_bucket[5m])))", "buckets are gone"),
        ("sum by (le) (rate(translate_svc_step_seconds_bucket[5m]))", "quantiles are of buckets"),
        ("histogram_quantile(0.5, rate(translate_svc_step_seconds_sum[5m]))", "quantiles are of buckets"),
        ("rate(translate_svc_step_seconds[5m])", "is not exposed"),
    ],
)
def test_unsound_queries(query: str, said: str) -> None:
    try:
        found = list(complaints(query))
    except PromqlError as error:
        found = [str(error)]
    assert any(said in each for each in found), found
