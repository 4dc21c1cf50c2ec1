"""Gateways and routes: what comes in, by which protocol, for how long, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.k8s.manifests import Manifests, Object, title
from tests.k8s.manual import MANUAL
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
    "/v1/vosk": "Exact",
    "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent": "Exact",
    "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent": "Exact",
    "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent": "Exact",
    "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent": "Exact",
    "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent": "Exact",
}
"""OpenAI's protocol and those of Vosk and Gemini, without calls over WebRTC and the rooms of WHIP: no proxy
of HTTP carries their sound.
"""

_SERVER_IDLE_S = CallOptions().idle_timeout_s
_ROUTES = ("GRPCRoute", "HTTPRoute")
_MOST_STREAMS_A_CONNECTION = 64


def routes_show_the_contract_alone(manifests: Manifests) -> Iterator[str]:
    """From outside only the public service is reached: not reflection, not health, not what comes later."""
    for item in manifests.of_kind(*_ROUTES):
        for match in (each for rule in item["spec"]["rules"] for each in rule.get("matches") or [{}]):
            if item["kind"] == "GRPCRoute":
                service = match.get("method", {}).get("service", "everything")
                if service != SERVICE or match["method"].get("type", "Exact") != "Exact":
                    yield f"{title(item)}: lets {service} out"
            else:
                path = match.get("path", {"type": "PathPrefix", "value": "/"})
                if HTTP_PATHS.get(path["value"]) != path["type"]:
                    yield f"{title(item)}: lets {path['value']} out ({path['type']})"


def proxies_let_streams_live(manifests: Manifests) -> Iterator[str]:
    """Envoy ends a route after 15 s, a stream after 30 s of silence, and refuses at 1,024 requests."""
    for item in manifests.of_kind(*_ROUTES):
        towards_pods = _policy_for(manifests, "BackendTrafficPolicy", item["kind"], item["metadata"]["name"])
        http = towards_pods.get("timeout", {}).get("http", {})
        ends = {name: http.get(name, "of 15 s") for name in ("requestTimeout", "maxStreamDuration")}
        ends |= {
            name: given for rule in item["spec"]["rules"] for name, given in rule.get("timeouts", {}).items()
        }
        yield from (
            f"{title(item)}: a stream ends after {name} {ends[name]}" for name in ends if ends[name] != "0s"
        )
        yield from _idle(title(item), http)
        most = towards_pods.get("circuitBreaker", {}).get("maxParallelRequests", 1024)
        if most < (taken := _most_streams(manifests)):
            yield f"{title(item)}: the proxy refuses at {most} streams, the servers take {taken}"
        for parent in item["spec"]["parentRefs"]:
            policy = _policy_for(manifests, "ClientTrafficPolicy", "Gateway", parent["name"])
            yield from _idle(f"Gateway/{parent['name']}", policy.get("timeout", {}).get("http", {}))


def connections_are_bounded_and_spread(manifests: Manifests) -> Iterator[str]:
    """A caller's connection has no more streams than the servers take. The kernel gives connections to front
    processes, so a proxy must not put all streams on one.
    """
    for item in manifests.of_kind("Gateway"):
        policy = _policy_for(manifests, "ClientTrafficPolicy", "Gateway", item["metadata"]["name"])
        if policy.get("http2", {}).get("maxConcurrentStreams", 100) > RpcOptions().max_streams_per_connection:
            yield f"{title(item)}: a connection has more streams than the servers take"
        if "connectionLimit" not in policy.get("connection", {}):
            yield f"{title(item)}: connections are not bounded"
    for item in manifests.of_kind("GRPCRoute"):
        policy = _policy_for(manifests, "BackendTrafficPolicy", "GRPCRoute", item["metadata"]["name"])
        each = policy.get("http2", {}).get("maxConcurrentStreams")
        if all(settings.front_processes == 1 for _, _, settings in servers_that_load(manifests)):
            continue
        if each is None or each > _MOST_STREAMS_A_CONNECTION:
            yield f"{title(item)}: {each or 'all'} streams on one front process"
        elif policy.get("circuitBreaker", {}).get("maxConnections", 1024) * each < _most_streams(manifests):
            yield f"{title(item)}: too few connections with {each} streams each"


def gateways_end_tls(manifests: Manifests) -> Iterator[str]:
    """Callers come by TLS, and the proxy connects by TLS to every Service whose pods want it."""
    for item in manifests.of_kind("Gateway"):
        for listener in item["spec"]["listeners"]:
            tls = listener.get("tls", {})
            if listener["protocol"] != "HTTPS" or tls.get("mode", "Terminate") != "Terminate":
                yield f"{title(item)}: {listener['name']} does not end TLS"
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
            gateway = manifests.one("Gateway", parent["name"])
            listeners = {each["name"]: each.get("hostname") for each in gateway["spec"]["listeners"]}
            section = parent.get("sectionName", "")
            if section not in listeners:
                yield f"{title(item)}: {parent['name']} has no listener {section}"
            for name in item["spec"].get("hostnames", ["*"]):
                if listeners.get(section) not in (None, name):
                    yield f"{title(item)}: {section} does not listen for {name}"
                owner = taken.setdefault((parent["name"], section, name), title(item))
                if owner != title(item):
                    yield f"{title(item)}: {owner} has the name {name} at {section}"


def hosts_are_said(manifests: Manifests) -> Iterator[str]:
    """A listener takes the host of its routes alone, which the manual names, since each installation has its
    own; and a proxy wants of the pods the name of their Service.
    """
    for item in manifests.of_kind("Gateway"):
        for listener in item["spec"]["listeners"]:
            host = listener.get("hostname", "*")
            if host.startswith("*") or f"`{host}`" not in MANUAL:
                yield f"{title(item)}: {listener['name']} takes {host}, of which the manual does not know"
    for item in manifests.of_kind("BackendTLSPolicy"):
        names = [
            f"{each['name']}.{item['metadata']['namespace']}.svc"
            for each in item["spec"]["targetRefs"]
            if each["kind"] == "Service"
        ]
        if (host := item["spec"]["validation"]["hostname"]) not in names:
            yield f"{title(item)}: the pods' certificate must name {host}, and they are {', '.join(names)}"


def _idle(who: str, http: Object) -> Iterator[str]:
    given = http.get("streamIdleTimeout", "30s")
    if given != "0s" and seconds(given) <= _SERVER_IDLE_S:
        yield f"{who}: a silent stream ends after {given}, before the server's own {_SERVER_IDLE_S:g} s"


def _policy_for(manifests: Manifests, kind: str, target: str, name: str) -> Object:
    for item in manifests.of_kind(kind):
        if any((each["kind"], each["name"]) == (target, name) for each in item["spec"]["targetRefs"]):
            spec: Object = item["spec"]
            return spec
    return {}


def _most_streams(manifests: Manifests) -> int:
    """What all servers admit together when there are as many as scaling allows."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["maxReplicaCount"]
        for each in manifests.of_kind("ScaledObject")
    }
    return sum(
        settings.max_streams
        * scaled.get(workload.object["metadata"]["name"], workload.object["spec"].get("replicas", 1))
        for workload, _, settings in servers_that_load(manifests)
    )


def seconds(duration: str) -> float:
    """A duration of the Gateway API: ``1h30m``, ``6m``, ``500ms``."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(h|ms|m|s)", duration))
