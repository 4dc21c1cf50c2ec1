"""The dashboard asks for what the server exposes, and shows all of it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tests.k8s.manifests import K8S
from tests.k8s.monitoring.promql import complaints, parse, served
from translate_svc.observability.metrics import PREFIX

DASHBOARD: dict[str, Any] = json.loads((K8S / "monitoring/grafana/translate-svc.json").read_text("utf-8"))
_PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
_QUERIES = [(panel["title"], target["expr"]) for panel in _PANELS for target in panel["targets"]]
_GRID_COLUMNS = 24


def _family(series: str) -> str:
    """The metric that a series belongs to."""
    if served()[series].kind == "histogram":
        return series.rpartition("_")[0]  # _bucket, _sum or _count
    return series


@pytest.mark.parametrize(("title", "query"), _QUERIES)
def test_the_query_is_sound(title: str, query: str) -> None:
    assert list(complaints(query)) == []
    for use in parse(query):
        assert {"namespace", "instance"} <= use.labels, "the dashboard's variables select"


def test_every_metric_is_shown() -> None:
    shown = {_family(use.name) for _, query in _QUERIES for use in parse(query)}
    assert shown == {_family(name) for name in served() if name.startswith(PREFIX)}


def test_rows_come_in_the_order_of_questions() -> None:
    assert [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"] == [
        "Traffic",
        "Latency",
        "Engine",
        "Failures",
        "Front processes",
        "Callers",
    ]


def test_panels_do_not_overlap_and_have_what_a_reader_needs() -> None:
    cells = set[tuple[int, int]]()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        own = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not own & cells, panel["title"]
        assert at["x"] + at["w"] <= _GRID_COLUMNS
        cells |= own
    for panel in _PANELS:
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "$datasource"
        assert all(target["legendFormat"] for target in panel["targets"])
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(identifiers)) == len(identifiers)


def test_variables_are_those_that_queries_use() -> None:
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert names == {"datasource", "namespace", "instance"}
    for variable in DASHBOARD["templating"]["list"][1:]:
        (use,) = parse(variable["query"]["query"].partition("(")[2].partition(",")[0])
        assert use.name in served()
