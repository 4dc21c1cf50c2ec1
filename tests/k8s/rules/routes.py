"""Gateways and routes: what comes in, by which protocol, for how long, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from tests.k8s.manifests import Manifests, Object, title
from tests.k8s.rules.settings import servers_that_load
from translate_svc.rpc.options import RpcOptions
from translate_svc.serving.options import CallOptions

SERVICE = "translate_svc.v1.SpeechTranslation"
HTTP_PATHS = {
    "/v1/audio/transcriptions": "Exact",
    "/v1/audio/translations": "Exact",
    "/v1/models": "PathPrefix",
    "/v1/realtime": "Exact",
    "/v1/realtime/client_secrets": "Exact",
    "/v1/realtime/translations": "Exact",
    "/v1/realtime/translations/client_secrets": "Exact",
}
"""OpenAI's protocol, without calls over WebRTC: their sound does not come through a proxy of HTTP."""

_SERVER_IDLE_S = CallOptions().idle_timeout_s
_ROUTES = ("GRPCRoute", "HTTPRoute")
_MAX_STREAM_BYTES = 64 * 1024
_MAX_PROXY_BYTES = 512 * 1024**2
"""Less than Envoy Gateway asks for a proxy by default."""
_MOST_STREAMS_A_CONNECTION = 64


def routes_show_the_contract_alone(manifests: Manifests) -> Iterator[str]:
    """From outside only the public service is reached: not reflection, not health, not what comes later."""
    for item in manifests.of_kind("GRPCRoute"):
        for rule in item["spec"]["rules"]:
            for match in rule.get("matches") or [{}]:
                service = match.get("method", {}).get("service", "everything")
                if service != SERVICE or match["method"].get("type", "Exact") != "Exact":
                    yield f"{title(item)}: lets {service} out"
    for item in manifests.of_kind("HTTPRoute"):
        for rule in item["spec"]["rules"]:
            for match in rule.get("matches") or [{}]:
                path = match.get("path", {"type": "PathPrefix", "value": "/"})
                if HTTP_PATHS.get(path["value"]) != path["type"]:
                    yield f"{title(item)}: lets {path['value']} out ({path['type']})"


def proxies_let_streams_live(manifests: Manifests) -> Iterator[str]:
    """Envoy ends a route after 15 s, a stream after 30 s of silence, and refuses at 1,024 requests."""
    for item in manifests.of_kind(*_ROUTES):
        towards_pods = _policy_for(manifests, "BackendTrafficPolicy", item["kind"], item["metadata"]["name"])
        http = towards_pods.get("timeout", {}).get("http", {})
        for name in ("requestTimeout", "maxStreamDuration"):
            if http.get(name) != "0s":
                yield f"{title(item)}: a stream ends after {name} {http.get(name, 'of 15 s')}"
        for rule in item["spec"]["rules"]:
            ends = {name: given for name, given in rule.get("timeouts", {}).items() if given != "0s"}
            yield from (f"{title(item)}: a session ends after {name} {ends[name]}" for name in ends)
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
            if "connectionKeepalive" not in towards_callers.get("http2", {}):
                yield f"Gateway/{parent['name']}: never finds a caller that froze"
            http = towards_callers.get("timeout", {}).get("http", {})
            yield from _idle(f"Gateway/{parent['name']}", http)
            if _seconds(received := http.get("requestReceivedTimeout", "0s")):
                yield f"Gateway/{parent['name']}: a stream ends after requestReceivedTimeout {received}"


def proxies_bound_their_callers(manifests: Manifests) -> Iterator[str]:
    """What gRPC for Python cannot bound, the proxy does: connections, and what each of them may send."""
    for item in manifests.of_kind("Gateway"):
        policy = _policy_for(manifests, "ClientTrafficPolicy", "Gateway", item["metadata"]["name"])
        http2, connection = policy.get("http2", {}), policy.get("connection", {})
        connections = connection.get("connectionLimit", {}).get("value")
        if connections is None:
            yield f"{title(item)}: connections are not bounded"
        elif connections * _bytes(http2.get("initialConnectionWindowSize", "1Mi")) > _MAX_PROXY_BYTES:
            yield f"{title(item)}: {connections} connections may send more than the proxy has memory for"
        if http2.get("maxConcurrentStreams", 100) > RpcOptions().max_streams_per_connection:
            yield f"{title(item)}: a connection has more streams than the servers take"
        if http2.get("onInvalidMessage") != "TerminateConnection":
            yield f"{title(item)}: a connection outlives its wrong frames"
        runtime = _runtime(manifests, item)
        if runtime.get("http.max_requests_per_io_cycle") != 1:
            yield f"{title(item)}: streams that are reset at once reach the servers"
    for item in manifests.of_kind("GRPCRoute"):
        policy = _policy_for(manifests, "BackendTrafficPolicy", "GRPCRoute", item["metadata"]["name"])
        if _bytes(policy.get("connection", {}).get("bufferLimit", "1Mi")) > _MAX_STREAM_BYTES:
            yield f"{title(item)}: the proxy holds what the servers do not take"


def connections_are_spread(manifests: Manifests) -> Iterator[str]:
    """The kernel gives connections to front processes, so a proxy must not put all streams on one."""
    for item in manifests.of_kind("GRPCRoute"):
        policy = _policy_for(manifests, "BackendTrafficPolicy", "GRPCRoute", item["metadata"]["name"])
        each = policy.get("http2", {}).get("maxConcurrentStreams")
        for workload, _, settings in servers_that_load(manifests):
            if settings.front_processes == 1:
                continue
            if each is None or each > _MOST_STREAMS_A_CONNECTION:
                yield f"{title(item)}: {each or 'all'} streams of {workload.name} on one front process"
                continue
            connections = policy.get("circuitBreaker", {}).get("maxConnections", 1024)
            if connections * each < _most_streams(manifests):
                yield f"{title(item)}: too few connections with {each} streams each"


def gateways_end_tls(manifests: Manifests) -> Iterator[str]:
    """Callers come by TLS, and the proxy goes on by TLS to every Service whose pods want it."""
    for item in manifests.of_kind("Gateway"):
        for listener in item["spec"]["listeners"]:
            if "hostname" not in listener:
                yield f"{title(item)}: {listener['name']} takes every name"
            tls = listener.get("tls", {})
            if listener["protocol"] != "HTTPS" or tls.get("mode", "Terminate") != "Terminate":
                yield f"{title(item)}: {listener['name']} does not end TLS"
            elif not tls.get("certificateRefs"):
                yield f"{title(item)}: {listener['name']} has no certificate"
    secured = any(settings.tls_certificate for _, _, settings in servers_that_load(manifests))
    for item in manifests.of_kind(*_ROUTES):
        for backend in (each for rule in item["spec"]["rules"] for each in rule["backendRefs"]):
            if secured and not _policy_for(manifests, "BackendTLSPolicy", "Service", backend["name"]):
                yield f"{title(item)}: goes to {backend['name']} in plaintext"


def routes_have_listeners(manifests: Manifests) -> Iterator[str]:
    """Each route has a listener for its names. Of two kinds of routes with one name, one is refused."""
    taken: dict[tuple[str, str, str], str] = {}
    for item in manifests.of_kind(*_ROUTES):
        for parent in item["spec"]["parentRefs"]:
            gateway = manifests.find("Gateway", parent["name"])
            listeners = {each["name"]: each for each in gateway["spec"]["listeners"]} if gateway else {}
            section = parent.get("sectionName", "")
            if section not in listeners:
                yield f"{title(item)}: {parent['name']} has no listener {section}"
                continue
            for name in item["spec"].get("hostnames", ["*"]):
                if not _is_within(name, listeners[section].get("hostname")):
                    yield f"{title(item)}: {section} does not listen for {name}"
                owner = taken.setdefault((parent["name"], section, name), title(item))
                if owner != title(item):
                    yield f"{title(item)}: {owner} has the name {name} at {section}"


def canaries_hold_their_share(manifests: Manifests) -> Iterator[str]:
    """Where a route has weights, each Service behind it has room for its share of all streams."""
    servers = {
        title(item): item["spec"]["selector"].get("app.kubernetes.io/component") == "server"
        for item in manifests.of_kind("Service")
    }
    for item in manifests.of_kind(*_ROUTES):
        for rule in item["spec"]["rules"]:
            weights = {
                each["name"]: each.get("weight", 1) * servers.get(f"Service/{each['name']}", False)
                for each in rule["backendRefs"]
            }
            if 2 * sum(weights.values()) < sum(each.get("weight", 1) for each in rule["backendRefs"]):
                yield f"{title(item)}: most streams go to a canary"
            whole = sum(each.get("weight", 1) for each in rule["backendRefs"])
            for backend in rule["backendRefs"] if len(rule["backendRefs"]) > 1 else []:
                share = backend.get("weight", 1) / whole if whole else 0
                room = _most_streams(manifests, backend["name"])
                wanted = share * _most_streams(manifests, rule["backendRefs"][0]["name"])
                if not share or room < wanted:
                    yield f"{title(item)}: {backend['name']} has room for {room} streams, gets {wanted:.0f}"


def _is_within(name: str, pattern: str | None) -> bool:
    return pattern is None or name == pattern or (pattern.startswith("*.") and name.endswith(pattern[1:]))


def _runtime(manifests: Manifests, gateway: Object) -> Object:
    """Envoy's runtime values, from the ``EnvoyProxy`` of a gateway."""
    parameters = gateway["spec"].get("infrastructure", {}).get("parametersRef", {})
    proxy = manifests.find("EnvoyProxy", parameters.get("name", ""))
    bootstrap = yaml.safe_load(proxy["spec"]["bootstrap"]["value"]) if proxy else {}
    layers = bootstrap.get("layered_runtime", {}).get("layers", [])
    return {name: value for layer in layers for name, value in layer["static_layer"].items()}


def _bytes(quantity: str | int) -> int:
    """A quantity of Kubernetes: ``64Ki``."""
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi)?", str(quantity)).groups()  # type: ignore[union-attr]
    return int(number) * {None: 1, "Ki": 1024, "Mi": 1024**2}[unit]


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


def _most_streams(manifests: Manifests, service: str | None = None) -> int:
    """What all servers (of a Service) admit together when there are as many as scaling allows."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["maxReplicaCount"]
        for each in manifests.of_kind("ScaledObject")
    }
    selector = manifests.one("Service", service)["spec"]["selector"] if service else {}
    return sum(
        settings.max_streams
        * scaled.get(workload.object["metadata"]["name"], workload.object["spec"].get("replicas", 1))
        for workload, _, settings in servers_that_load(manifests)
        if selector.items() <= workload.labels.items()
    )


def _seconds(duration: str) -> float:
    """A duration of the Gateway API: ``1h30m``, ``6m``, ``500ms``."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(h|ms|m|s)", duration))
