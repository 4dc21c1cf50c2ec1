"""Routes, proxies, Services and places to run that are not what was meant."""

from __future__ import annotations

from tests.k8s import rules
from tests.k8s.manifests import Manifests, Object
from tests.k8s.mistakes.seeding import Mistake, pod, server, spec


def _match(manifests: Manifests) -> Object:
    matches: Object = spec(manifests, "GRPCRoute")["rules"][0]
    return matches


def _http_rule(manifests: Manifests) -> Object:
    rule: Object = spec(manifests, "HTTPRoute")["rules"][0]
    return rule


def _http(manifests: Manifests, kind: str) -> Object:
    http: Object = spec(manifests, kind)["timeout"]["http"]
    return http


MISTAKES = (
    Mistake(
        rules.routes_show_the_contract_alone,
        "everything",
        lambda m: _match(m).pop("matches"),
        "lets everything out",
    ),
    Mistake(
        rules.routes_show_the_contract_alone,
        "everything",
        lambda m: _match(m)["matches"].append({"method": {"service": "grpc.reflection.v1.ServerReflection"}}),
        "lets grpc.reflection.v1.ServerReflection out",
    ),
    Mistake(
        rules.routes_show_the_contract_alone,
        "everything",
        lambda m: _match(m)["matches"][0]["method"].update(type="RegularExpression"),
        "lets translate_svc.v1.SpeechTranslation out",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: _http(m, "BackendTrafficPolicy").pop("requestTimeout"),
        "a stream ends after requestTimeout of 15 s",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: _http(m, "BackendTrafficPolicy").update(maxStreamDuration="60s"),
        "a stream ends after maxStreamDuration 60s",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: _http(m, "BackendTrafficPolicy").pop("streamIdleTimeout"),
        "GRPCRoute/translate-svc: a silent stream ends after 30s",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: _http(m, "ClientTrafficPolicy").update(streamIdleTimeout="5m"),
        "Gateway/translate-svc: a silent stream ends after 5m",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: m.objects.remove(m.of_kind("BackendTrafficPolicy")[0]),
        "a stream ends after requestTimeout of 15 s",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: spec(m, "BackendTrafficPolicy")["circuitBreaker"].update(maxParallelRequests=10),
        "the proxy refuses at 10 streams, the servers take 2304",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: spec(m, "BackendTrafficPolicy").pop("loadBalancer"),
        "do not go where the fewest are",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: _http(m, "ClientTrafficPolicy").update(requestReceivedTimeout="30s"),
        "a stream ends after requestReceivedTimeout 30s",
    ),
    Mistake(
        rules.proxies_bound_their_callers,
        "everything",
        lambda m: spec(m, "ClientTrafficPolicy").pop("connection"),
        "connections are not bounded",
    ),
    Mistake(
        rules.proxies_bound_their_callers,
        "everything",
        lambda m: spec(m, "ClientTrafficPolicy")["http2"].pop("initialConnectionWindowSize"),
        "2048 connections may send more than the proxy has memory for",
    ),
    Mistake(
        rules.proxies_bound_their_callers,
        "everything",
        lambda m: spec(m, "ClientTrafficPolicy")["http2"].update(maxConcurrentStreams=5_000),
        "a connection has more streams than the servers take",
    ),
    Mistake(
        rules.proxies_bound_their_callers,
        "everything",
        lambda m: spec(m, "ClientTrafficPolicy")["http2"].pop("onInvalidMessage"),
        "a connection outlives its wrong frames",
    ),
    Mistake(
        rules.proxies_bound_their_callers,
        "everything",
        lambda m: spec(m, "BackendTrafficPolicy").pop("connection"),
        "the proxy holds what the servers do not take",
    ),
    Mistake(
        rules.proxies_bound_their_callers,
        "everything",
        lambda m: spec(m, "Gateway").pop("infrastructure"),
        "streams that are reset at once reach the servers",
    ),
    Mistake(
        rules.names_are_found,
        "everything",
        lambda m: spec(m, "Gateway")["infrastructure"]["parametersRef"].update(name="eg"),
        "no EnvoyProxy eg",
    ),
    Mistake(
        rules.routes_show_the_contract_alone,
        "everything",
        lambda m: _http_rule(m)["matches"].append({"path": {"type": "PathPrefix", "value": "/v1/realtime"}}),
        "lets /v1/realtime out (PathPrefix)",
    ),
    Mistake(
        rules.routes_show_the_contract_alone,
        "everything",
        lambda m: _http_rule(m).pop("matches"),
        "HTTPRoute/translate-svc: lets / out",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: _http_rule(m)["timeouts"].update(request="1h"),
        "a session ends after request 1h",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: spec(m, "BackendTrafficPolicy")["targetRefs"].pop(),
        "HTTPRoute/translate-svc: a stream ends after requestTimeout of 15 s",
    ),
    Mistake(
        rules.connections_are_spread,
        "everything",
        lambda m: spec(m, "BackendTrafficPolicy").pop("http2"),
        "all streams of Deployment/translate-svc on one front process",
    ),
    Mistake(
        rules.connections_are_spread,
        "everything",
        lambda m: spec(m, "BackendTrafficPolicy")["circuitBreaker"].update(maxConnections=64),
        "too few connections with 16 streams each",
    ),
    Mistake(
        rules.gateways_end_tls,
        "everything",
        lambda m: spec(m, "Gateway")["listeners"][1].update(protocol="HTTP", tls={}),
        "https does not end TLS",
    ),
    Mistake(
        rules.gateways_end_tls,
        "everything",
        lambda m: spec(m, "Gateway")["listeners"][0]["tls"].update(mode="Passthrough"),
        "grpcs does not end TLS",
    ),
    Mistake(
        rules.gateways_end_tls,
        "everything",
        lambda m: spec(m, "Gateway")["listeners"][0]["tls"].pop("certificateRefs"),
        "grpcs has no certificate",
    ),
    Mistake(
        rules.gateways_end_tls,
        "everything",
        lambda m: spec(m, "BackendTLSPolicy")["targetRefs"].pop(),
        "goes to translate-svc-canary in plaintext",
    ),
    Mistake(
        rules.routes_have_listeners,
        "everything",
        lambda m: spec(m, "HTTPRoute").update(hostnames=["www.example.com"]),
        "https does not listen for www.example.com",
    ),
    Mistake(
        rules.routes_have_listeners,
        "everything",
        lambda m: spec(m, "Gateway")["listeners"].pop(),
        "translate-svc has no listener https",
    ),
    Mistake(
        rules.routes_have_listeners,
        "everything",
        lambda m: spec(m, "HTTPRoute").update(
            hostnames=["translate.example.com"],
            parentRefs=[{"name": "translate-svc", "sectionName": "grpcs"}],
        ),
        "GRPCRoute/translate-svc has the name translate.example.com at grpcs",
    ),
    Mistake(
        rules.canaries_hold_their_share,
        "everything",
        lambda m: _match(m)["backendRefs"][1].update(weight=90),
        "translate-svc-canary has room for 256 streams, gets 1024",
    ),
    Mistake(
        rules.canaries_hold_their_share,
        "everything",
        lambda m: _match(m)["backendRefs"][1].update(weight=0),
        "translate-svc-canary has room for 256 streams, gets 0",
    ),
    Mistake(
        rules.services_send_to_ready_pods,
        "gpu",
        lambda m: spec(m, "Service").update(publishNotReadyAddresses=True),
        "publishes pods that are not ready",
    ),
    Mistake(
        rules.services_send_to_ready_pods,
        "gpu",
        lambda m: spec(m, "Service", 1).update(sessionAffinity="ClientIP"),
        "keeps a caller on one pod",
    ),
    Mistake(
        rules.gpu_nodes_take_their_pods,
        "gpu",
        lambda m: pod(m)["tolerations"][0].update(key="nvidia.com/gpu.present"),
        "does not stand the taint nvidia.com/gpu",
    ),
    Mistake(
        rules.gpu_nodes_take_their_pods,
        "gpu",
        lambda m: pod(m)["tolerations"][0].update(effect="NoExecute"),
        "does not stand the taint nvidia.com/gpu",
    ),
    Mistake(
        rules.gpu_nodes_take_their_pods,
        "cpu-dev",
        lambda m: pod(m).update(tolerations=[{"operator": "Exists"}]),
        "needs no GPU and stands the taint",
    ),
    Mistake(
        rules.cores_are_not_throttled,
        "gpu",
        lambda m: server(m)["resources"]["limits"].update(cpu="200m"),
        "server is limited to 200m cores",
    ),
    Mistake(
        rules.cores_are_not_throttled,
        "cpu-dev",
        lambda m: server(m)["resources"]["requests"].update(cpu="200m"),
        "server asks for 200m cores",
    ),
    Mistake(
        rules.scaling_reads_metrics_that_exist,
        "everything",
        lambda m: spec(m, "ScaledObject")["triggers"][0]["metadata"].update(
            query='sum(translate_svc_streams_active{namespace="translate-svc"}) '
            '/ sum(translate_svc_streams_capacity{namespace="translate-svc"})'
        ),
        "is no sum over pods",
    ),
)
