"""Alerts ask for what the server exposes, by values that it has, and lead to a page that exists."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.k8s.manifests import ROOT, Manifests
from tests.k8s.monitoring.promql import complaints, uses
from translate_svc.observability.labels import PREFIX
from translate_svc.observability.metrics import Metrics

_GROUPS = Manifests.of("everything").one("PrometheusRule", "translate-svc")["spec"]["groups"]
_RULES: list[dict[str, Any]] = [rule for group in _GROUPS for rule in group["rules"]]
_MATCHER = re.compile(rf"({PREFIX}\w+){{([^}}]*)}}")


def problems(expression: str) -> list[str]:
    """The fault of an alert's expression."""
    found = list(complaints(expression))
    if not re.search(r"(==|>|<)\s*[\d.]+$", expression.strip()):
        found.append("is compared with nothing: it would always fire")
    found += [f"{use.name} of every namespace" for use in uses(expression) if "namespace" not in use.labels]
    for name, matchers in _MATCHER.findall(expression):
        for label, value in re.findall(r'(\w+)="([^"]*)"', matchers):
            values = _values(name, label)
            if values and value not in values:
                found.append(f"{name} never has {label}={value}")
    return found


def _values(series: str, label: str) -> set[str]:
    samples = (sample for family in Metrics().registry.collect() for sample in family.samples)
    return {sample.labels[label] for sample in samples if sample.name == series and label in sample.labels}


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: str(rule["alert"]))
def test_the_alert_is_sound(rule: dict[str, Any]) -> None:
    assert problems(rule["expr"]) == []
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert rule["annotations"]["summary"].endswith(".")


def test_names_are_used_once() -> None:
    names = [rule["alert"] for rule in _RULES]
    assert len(set(names)) == len(names) >= 7
