"""Prometheus: that it may come, that all ask the same one, and that it comes often enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.k8s.manifests import Manifests, Object, title
from tests.k8s.rules.network import NAMESPACE, Peer, admits
from tests.k8s.rules.routes import seconds

_SCRAPES_A_RANGE = 4
"""A rate needs two samples, and one scrape may fail; what Prometheus itself recommends is four."""


def prometheus_is_let_in(manifests: Manifests) -> Iterator[str]:
    """The Prometheus that scaling asks is in a namespace from which the policies let it scrape."""
    for item, trigger in _triggers(manifests):
        host = urlsplit(trigger["metadata"]["serverAddress"]).hostname or ""
        namespace = [*host.split("."), "", ""][1]
        for workload in manifests.deployments:
            if not admits(manifests, workload, "admin", Peer(namespace={NAMESPACE: namespace})):
                yield f"{title(item)}: asks {host}, which is not let in to scrape {workload.name}"


def scrapes_come_often_enough(manifests: Manifests) -> Iterator[str]:
    """Alerts and scaling see each change several times in the time that they look at."""
    ranges_s = [
        seconds(found)
        for item in manifests.of_kind("PrometheusRule")
        for group in item["spec"]["groups"]
        for rule in group["rules"]
        for found in [*re.findall(r"\[(\w+)\]", rule["expr"]), rule.get("for", "")]
        if found
    ]
    polled_s = [item["spec"].get("pollingInterval", 30) for item, _ in _triggers(manifests)]
    for item in manifests.of_kind("ServiceMonitor"):
        for endpoint in item["spec"]["endpoints"]:
            every_s = seconds(endpoint.get("interval", "30s"))
            if ranges_s and every_s * _SCRAPES_A_RANGE > min(ranges_s):
                yield f"{title(item)}: scrapes every {every_s:g} s, alerts look at {min(ranges_s):g} s"
            if polled_s and every_s > min(polled_s):
                yield f"{title(item)}: scrapes every {every_s:g} s, scaling asks every {min(polled_s)} s"
            if seconds(endpoint.get("scrapeTimeout", "10s")) > every_s:
                yield f"{title(item)}: a scrape may take longer than until the next one"


def _triggers(manifests: Manifests) -> Iterator[tuple[Object, Object]]:
    for item in manifests.of_kind("ScaledObject"):
        yield from ((item, each) for each in item["spec"]["triggers"] if each["type"] == "prometheus")
