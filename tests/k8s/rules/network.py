"""Network policies, evaluated as the API defines them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.k8s.manifests import ROOT, Manifests, Object, Workload, matches
from tests.k8s.rules.settings import servers_that_load

NAMESPACE = "kubernetes.io/metadata.name"
"""The label of a namespace with its name."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A pod elsewhere: its labels, and its namespace's. None: in the namespace of the policy."""

    labels: dict[str, str] = field(default_factory=dict)
    namespace: dict[str, str] | None = None


STRANGER = Peer(namespace={NAMESPACE: "elsewhere"})
NEIGHBOUR = Peer()
SCRAPER = Peer(namespace={NAMESPACE: "monitoring"})
CALLER = Peer(namespace={NAMESPACE: "calls", "translate-svc/client": "true"})
PROXY = Peer(
    labels={"gateway.envoyproxy.io/owning-gateway-name": "translate-svc"},
    namespace={NAMESPACE: "envoy-gateway-system"},
)


def network_is_shut_but_for_what_is_needed(manifests: Manifests) -> Iterator[str]:
    """Default deny; callers and the gateway reach gRPC and HTTP, the scraper the admin port; nobody else.

    The kubelet's probes come from the pod's own node and are always let in where a plugin keeps to the API;
    where it does not, node ranges are added to the rule for the admin port, so that rule has to be there.
    """
    for direction in ("Ingress", "Egress"):
        if not any(_denies_all(item, direction) for item in manifests.of_kind("NetworkPolicy")):
            yield f"no policy denies {direction} by default"
    for workload, container, settings in servers_that_load(manifests):
        wanted = {(who, "admin"): who == "the scraper" for who in _peers(manifests)}
        if not settings.host.startswith("unix:"):
            callers = ("a caller", "the gateway")
            wanted |= {(who, port): who in callers for who in _peers(manifests) for port in ("grpc", "http")}
        for (who, port), expected in wanted.items():
            if (
                port in container.port_names
                and admits(manifests, workload, port, _peers(manifests)[who]) != expected
            ):
                yield f"{workload.name}: {who} {'does not reach' if expected else 'reaches'} {port}"
        allowed = _needed_ways(manifests.environment(container))
        for way in ways_out(manifests, workload):
            if way not in allowed:
                yield f"{workload.name}: audio has a way out, to {' '.join(way)}"


def traces_can_leave(manifests: Manifests) -> Iterator[str]:
    """Where traces have an endpoint, the image has their exporter, and the policies let them go."""
    extras = re.search(r"^ARG EXTRAS=(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    for workload, container, _ in servers_that_load(manifests):
        needed = _needed_ways(manifests.environment(container))
        if needed and "otel" not in (extras[1] if extras else "").split(","):
            yield f"{workload.name}: the image has no exporter of traces"
        for way in sorted(needed - set(ways_out(manifests, workload))):
            yield f"{workload.name}: no policy lets it go to {' '.join(way)}"


def ways_out(manifests: Manifests, workload: Workload) -> Iterator[tuple[str, str, str]]:
    """Where a workload's pods may go: namespace, port, protocol; ``anywhere`` without selectors."""
    for item in _policies_of(manifests, workload):
        for rule in item["spec"].get("egress") or []:
            for peer in rule.get("to") or [{}]:
                namespace = peer.get("namespaceSelector", {}).get("matchLabels", {}).get(NAMESPACE)
                chosen = peer.get("podSelector", {}).get("matchLabels")
                where = namespace if namespace and chosen else "anywhere"
                for port in rule.get("ports") or [{}]:
                    yield where, str(port.get("port", "every")), port.get("protocol", "TCP")


def _needed_ways(environment: dict[str, str]) -> set[tuple[str, str, str]]:
    """To the collector of the traces, and to the cluster's DNS; nowhere without a collector."""
    endpoint = urlsplit(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    if endpoint.hostname is None:
        return set()
    namespace = [*endpoint.hostname.split("."), "", ""][1]
    dns = {("kube-system", "53", protocol) for protocol in ("TCP", "UDP")}
    return {(namespace, str(endpoint.port), "TCP")} | dns


def admits(manifests: Manifests, workload: Workload, port: str, peer: Peer) -> bool:
    """Whether the policies let ``peer`` reach the named port of the workload's pods."""
    policies = [
        item
        for item in _policies_of(manifests, workload)
        if "Ingress" in item["spec"].get("policyTypes", ["Ingress"])
    ]
    if not policies:
        return True
    number = {name: at for container in workload.containers for name, at in container.port_names.items()}[
        port
    ]
    return any(
        _covers(rule.get("ports"), port, number) and _lets_in(rule.get("from"), peer)
        for item in policies
        for rule in item["spec"].get("ingress", [])
    )


def _peers(manifests: Manifests) -> dict[str, Peer]:
    peers = {
        "a stranger": STRANGER,
        "a neighbour": NEIGHBOUR,
        "the scraper": SCRAPER,
        "a caller": CALLER,
    }
    if manifests.of_kind("Gateway"):
        peers |= {
            "the gateway": PROXY,
            "who has the gateway's label": Peer(PROXY.labels, STRANGER.namespace),
            "who is beside the gateway": Peer(namespace=PROXY.namespace),
        }
    return peers


def _policies_of(manifests: Manifests, workload: Workload) -> list[Object]:
    return [
        item
        for item in manifests.of_kind("NetworkPolicy")
        if matches(item["spec"]["podSelector"], workload.labels)
    ]


def _denies_all(policy: Object, direction: str) -> bool:
    spec = policy["spec"]
    return spec["podSelector"] == {} and direction in spec["policyTypes"] and not spec.get(direction.lower())


def _covers(ports: list[Object] | None, name: str, number: int) -> bool:
    return not ports or any(each["port"] in (name, number) and each["protocol"] == "TCP" for each in ports)


def _lets_in(sources: list[Object] | None, peer: Peer) -> bool:
    return not sources or any(_is_from(source, peer) for source in sources)


def _is_from(source: Object, peer: Peer) -> bool:
    """Both selectors of one source must take the peer; without a namespaceSelector it must be a neighbour."""
    pod_fits = "podSelector" not in source or matches(source["podSelector"], peer.labels)
    if "namespaceSelector" in source:
        return pod_fits and matches(source["namespaceSelector"], peer.namespace or {})
    return pod_fits and peer.namespace is None
