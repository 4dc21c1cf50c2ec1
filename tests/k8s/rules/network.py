"""Network policies, evaluated as the API defines them; routes and the policies of their proxy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.k8s.manifests import Manifests, Object, Workload, matches, title
from tests.k8s.rules.settings import servers_that_load
from translate_svc.serving.options import CallOptions

SERVICE = "translate_svc.v1.SpeechTranslation"
_SERVER_IDLE_S = CallOptions().idle_timeout_s

_NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Peer:
    """A pod elsewhere: its labels, and its namespace's. None: in the namespace of the policy."""

    labels: dict[str, str] = field(default_factory=dict)
    namespace: dict[str, str] | None = None


STRANGER = Peer(namespace={_NAMESPACE: "elsewhere"})
NEIGHBOUR = Peer()
SCRAPER = Peer(namespace={_NAMESPACE: "monitoring"})
CALLER = Peer(namespace={_NAMESPACE: "calls", "translate-svc/client": "true"})
PROXY = Peer(
    labels={"gateway.envoyproxy.io/owning-gateway-name": "translate-svc"},
    namespace={_NAMESPACE: "envoy-gateway-system"},
)


def network_is_shut_but_for_what_is_needed(manifests: Manifests) -> Iterator[str]:
    """Default deny; callers reach gRPC, the scraper the admin port, the gateway's proxy gRPC; none more.

    The kubelet's probes come from the pod's own node and are always let in where a plugin keeps to the API;
    where it does not, node ranges are added to the rule for the admin port, so that rule has to be there.
    """
    for direction in ("Ingress", "Egress"):
        if not any(_denies_all(item, direction) for item in manifests.of_kind("NetworkPolicy")):
            yield f"no policy denies {direction} by default"
    for workload, container, settings in servers_that_load(manifests):
        wanted = {(who, "admin"): who == "the scraper" for who in _peers(manifests)}
        if not settings.host.startswith("unix:"):
            wanted |= {(who, "grpc"): who in ("a caller", "the gateway") for who in _peers(manifests)}
        for (who, port), expected in wanted.items():
            if (
                port in container.port_names
                and admits(manifests, workload, port, _peers(manifests)[who]) != expected
            ):
                yield f"{workload.name}: {who} {'does not reach' if expected else 'reaches'} {port}"
        if any(item["spec"].get("egress") for item in _policies_of(manifests, workload)):
            yield f"{workload.name}: audio has a way out"


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
    return peers | ({"the gateway": PROXY} if manifests.of_kind("Gateway") else {})


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


def routes_show_the_contract_alone(manifests: Manifests) -> Iterator[str]:
    """From outside only the public service is reached: not reflection, not health, not what comes later."""
    for item in manifests.of_kind("GRPCRoute"):
        for rule in item["spec"]["rules"]:
            for match in rule.get("matches") or [{}]:
                service = match.get("method", {}).get("service", "everything")
                if service != SERVICE or match["method"].get("type", "Exact") != "Exact":
                    yield f"{title(item)}: lets {service} out"


def proxies_let_streams_live(manifests: Manifests) -> Iterator[str]:
    """Envoy ends a route after 15 s, a stream after 30 s of silence, and refuses at 1,024 requests."""
    for item in manifests.of_kind("GRPCRoute"):
        towards_pods = _policy_for(manifests, "BackendTrafficPolicy", "GRPCRoute", item["metadata"]["name"])
        http = towards_pods.get("timeout", {}).get("http", {})
        for name in ("requestTimeout", "maxStreamDuration"):
            if http.get(name) != "0s":
                yield f"{title(item)}: a stream ends after {name} {http.get(name, 'of 15 s')}"
        yield from _idle(title(item), http)
        breaker = towards_pods.get("circuitBreaker", {})
        wanted = _most_streams(manifests)
        if breaker.get("maxParallelRequests", 1024) < wanted:
            given = breaker.get("maxParallelRequests", 1024)
            yield f"{title(item)}: the proxy refuses at {given} streams, the servers take {wanted}"
        if towards_pods.get("loadBalancer", {}).get("type") != "LeastRequest":
            yield f"{title(item)}: new streams do not go where the fewest are"
        for parent in item["spec"]["parentRefs"]:
            towards_callers = _policy_for(manifests, "ClientTrafficPolicy", "Gateway", parent["name"])
            yield from _idle(f"Gateway/{parent['name']}", towards_callers.get("timeout", {}).get("http", {}))


def _idle(who: str, http: Object) -> Iterator[str]:
    given = http.get("streamIdleTimeout", "30s")
    if given != "0s" and _seconds(given) <= _SERVER_IDLE_S:
        yield f"{who}: a silent stream ends after {given}, before the server's own {_SERVER_IDLE_S:g} s"


def _policy_for(manifests: Manifests, kind: str, target: str, name: str) -> Object:
    for item in manifests.of_kind(kind):
        if any((each["kind"], each["name"]) == (target, name) for each in item["spec"]["targetRefs"]):
            spec: Object = item["spec"]
            return spec
    return {}


def _most_streams(manifests: Manifests) -> int:
    """What all servers admit together when there are as many as scaling allows."""
    replicas = max((item["spec"]["maxReplicaCount"] for item in manifests.of_kind("ScaledObject")), default=0)
    return sum(
        settings.max_streams * (replicas or workload.object["spec"].get("replicas", 1))
        for workload, _, settings in servers_that_load(manifests)
    )


def _seconds(duration: str) -> float:
    """A duration of the Gateway API: ``1h30m``, ``6m``, ``500ms``."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(h|ms|m|s)", duration))
