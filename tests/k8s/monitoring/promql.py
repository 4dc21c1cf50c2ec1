"""As much of PromQL as it takes to see that a query uses the server's metrics as what they are."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from translate_svc.observability.metrics import NOT_READY, PREFIX, Metrics
from translate_svc.types import FrontProcess

_TOKEN = re.compile(
    r"""\s+|(?P<string>"[^"]*")|(?P<range>\[[^\]]*\])|(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<number>[0-9.]+)"""
    r"""|(?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){},])"""
)
_PAIRS = {"(": ")", "{": "}"}
_RATES = ("rate", "irate", "increase")
_GROUPINGS = ("by", "without", "on", "ignoring", "group_left", "group_right")
_OPERATORS = ("and", "or", "unless", "bool", "offset")
_SCRAPE_LABELS = {"namespace", "pod", "job", "instance", "service", "container"}
"""What Prometheus adds to every series."""


class PromqlError(ValueError):
    """The query is not well formed."""


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a query names a metric.

    Attributes:
        name: of the series, with its suffix.
        functions: what it stands within, innermost first.
        labels: what its matchers and every grouping around it name.
        grouped_by: labels of the innermost ``by``.
        has_range: whether it selects a range.
    """

    name: str
    functions: tuple[str, ...]
    labels: frozenset[str]
    grouped_by: frozenset[str]
    has_range: bool


@dataclass(frozen=True, slots=True)
class Series:
    """What the server exposes under one name."""

    kind: str
    labels: frozenset[str]


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


def complaints(query: str) -> Iterator[str]:
    """What is wrong with a query.

    Raises:
        PromqlError: it is not well formed.
    """
    uses = list(parse(query))
    if not uses:
        yield f"no metric of the server in {query}"
    for use in uses:
        series = served().get(use.name)
        if series is None:
            yield f"{use.name} is not exposed"
            continue
        for label in sorted(use.labels - series.labels - _SCRAPE_LABELS):
            yield f"{use.name} has no label {label}"
        rated = use.has_range and use.functions[:1] != () and use.functions[0] in _RATES
        if (series.kind in ("counter", "histogram")) != rated:
            yield f"{use.name} is a {series.kind}: {'it has no rate' if rated else 'its total says nothing'}"
        if ("histogram_quantile" in use.functions) != use.name.endswith("_bucket"):
            yield f"{use.name}: quantiles are of buckets, and buckets are for quantiles"
        if use.name.endswith("_bucket") and "le" not in use.grouped_by:
            yield f"{use.name}: summed over le, its buckets are gone"


def parse(query: str) -> Iterator[Use]:
    """Every use of a metric that has the server's prefix, or that the server exposes, in order."""
    tokens = list(_tokens(query))
    open_calls: list[tuple[str, frozenset[str]]] = []
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token == "(":
            open_calls.append((_function(tokens, index), _grouping(tokens, index)))
        elif token == ")":
            open_calls.pop()
        elif token.startswith(PREFIX) or token in served():
            matchers = _matchers(tokens, index + 1)
            after = index + 1 + len(matchers)
            groupings = [labels for _, labels in open_calls if labels]
            yield Use(
                name=token,
                functions=tuple(name for name, _ in reversed(open_calls) if name),
                labels=frozenset(matchers[1:-1:4]).union(*groupings),
                grouped_by=groupings[-1] if groupings else frozenset(),
                has_range=after < len(tokens) and tokens[after].startswith("["),
            )
        elif token.isidentifier() and not _is_known(tokens, index, following):
            raise PromqlError(f"{token} is neither a metric of the server nor a function in {query}")


def _tokens(query: str) -> Iterator[str]:
    position, waiting = 0, list[str]()
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise PromqlError(f"cannot be read from {query[position:]}")
        position = match.end()
        token = match.group().strip()
        if not token:
            continue
        if token in _PAIRS:
            waiting.append(_PAIRS[token])
        elif token in _PAIRS.values() and (not waiting or waiting.pop() != token):
            raise PromqlError(f"{token} closes nothing in {query}")
        yield token
    if waiting:
        raise PromqlError(f"{waiting[-1]} is missing in {query}")


def _matchers(tokens: list[str], start: int) -> list[str]:
    """``{ label = "value" , ... }``, braces included; empty where there is none."""
    if start >= len(tokens) or tokens[start] != "{":
        return []
    return tokens[start : tokens.index("}", start) + 1]


def _function(tokens: list[str], opening: int) -> str:
    """What is called by the parenthesis at ``opening``; empty where it only groups."""
    before = opening - 1
    if before >= 0 and tokens[before] == ")":  # sum by (le) (
        start = max(at for at in range(opening) if tokens[at] == "(")
        before = start - 2 if tokens[start - 1] in _GROUPINGS else -1
    return tokens[before] if before >= 0 and tokens[before].isidentifier() else ""


def _grouping(tokens: list[str], opening: int) -> frozenset[str]:
    """The labels of ``sum by (a, b) (...)`` or ``sum(...) by (a, b)`` for the call that opens here."""
    before = tokens[opening - 1] if opening else ""
    if before in _GROUPINGS:
        return frozenset()
    if before == ")":
        start = max(at for at in range(opening) if tokens[at] == "(")
        if tokens[start - 1] == "by":
            return frozenset(tokens[start + 1 : opening - 1 : 2])
    depth, at = 1, opening + 1
    while depth and at < len(tokens):
        depth += {"(": 1, ")": -1}.get(tokens[at], 0)
        at += 1
    if tokens[at : at + 2] == ["by", "("]:
        return frozenset(tokens[at + 2 : tokens.index(")", at) : 2])
    return frozenset()


def _is_known(tokens: list[str], index: int, following: str) -> bool:
    """Functions, operators, and labels inside braces and groupings."""
    token = tokens[index]
    if following == "(" or token in _GROUPINGS or token in _OPERATORS or following in ("=", "!=", "=~", "!~"):
        return True
    opened = [at for at in range(index) if tokens[at] == "("]
    grouping = bool(opened) and tokens[opened[-1] - 1] in _GROUPINGS and ")" not in tokens[opened[-1] : index]
    # sum by (le) (...): the function stands before its grouping
    return grouping or following in _GROUPINGS
