"""The dashboard asks for what the server exposes, and shows all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.k8s.manifests import K8S
from tests.k8s.monitoring.promql import complaints, served, uses
from translate_svc.observability.labels import PREFIX

DASHBOARD: dict[str, Any] = json.loads((K8S / "monitoring/grafana/translate-svc.json").read_text("utf-8"))
_PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
_QUERIES = [(panel["title"], target["expr"]) for panel in _PANELS for target in panel["targets"]]


def _family(series: str) -> str:
    """The metric that a series belongs to."""
    if served()[series].kind == "histogram":
        return series.rpartition("_")[0]  # _bucket, _sum or _count
    return series


@pytest.mark.parametrize(("title", "query"), _QUERIES)
def test_the_query_is_sound(title: str, query: str) -> None:
    assert list(complaints(query)) == []
    for use in uses(query):
        assert {"namespace", "instance"} <= use.labels, "the dashboard's variables select"


def test_every_metric_is_shown() -> None:
    shown = {_family(use.name) for _, query in _QUERIES for use in uses(query)}
    assert shown == {_family(name) for name in served() if name.startswith(PREFIX)}
