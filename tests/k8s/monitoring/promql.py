"""Whether a query uses the server's metrics as what they are. The grammar is left to ``promtool``."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from translate_svc.observability.labels import PREFIX
from translate_svc.observability.metrics import Metrics
from translate_svc.observability.snapshot import NOT_READY
from translate_svc.types import FrontProcess

_USE = re.compile(
    rf"(?P<call>\w+\()?\b(?P<name>(?:{PREFIX}|process_|python_)\w*)(?:{{(?P<matchers>[^}}]*)}})?(?P<range>\[[^\]]*\])?"
)
_GROUPING = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
_RATES = ("rate(", "irate(", "increase(")
_SCRAPE_LABELS = {"namespace", "pod", "job", "instance", "service", "container"}
"""What Prometheus adds to every series."""


@dataclass(frozen=True, slots=True)
class Series:
    """What the server exposes under one name."""

    kind: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a query names a metric: by which labels, and whether its rate is taken."""

    name: str
    labels: frozenset[str]
    rated: bool


@functools.cache
def served() -> dict[str, Series]:
    """Every series of the server by the name that a query uses."""
    found: dict[str, Series] = {}
    metrics, front = Metrics(), FrontProcess(0, ready=True, live_streams=0, restarts=0, cpu_ms=0)
    metrics.set_snapshot_function(lambda: replace(NOT_READY, front_processes=(front,)))
    for family in metrics.registry.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                found[sample.name] = Series(family.type, frozenset(sample.labels))
    return found


def uses(query: str) -> Iterator[Use]:
    """Every use of a metric that has the server's prefix, or that the server exposes, in order."""
    for match in _USE.finditer(query):
        labels = frozenset(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", match["matchers"] or ""))
        yield Use(match["name"], labels, match["call"] in _RATES and match["range"] is not None)


def complaints(query: str) -> Iterator[str]:
    """A faulty query, and why."""
    found = list(uses(query))
    if not found:
        yield f"no metric of the server in {query}"
    grouped = {
        label.strip() for labels in _GROUPING.findall(query) for label in labels.split(",") if label.strip()
    }
    for use in found:
        series = served().get(use.name)
        if series is None:
            yield f"{use.name} is not exposed"
            continue
        for label in sorted((use.labels | grouped) - series.labels - _SCRAPE_LABELS):
            yield f"{use.name} has no label {label}"
        if (series.kind in ("counter", "histogram")) != use.rated:
            what = "it has no rate" if use.rated else "its total says nothing"
            yield f"{use.name} is a {series.kind}: {what}"
        if use.name.endswith("_bucket") != ("histogram_quantile(" in query and "le" in grouped):
            yield f"{use.name}: quantiles are of buckets, summed by le"
