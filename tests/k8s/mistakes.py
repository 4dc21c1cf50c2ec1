"""Mistakes that were made once, somewhere: one field of sound manifests is changed, a rule must see it.

A place is an object (its kind, with ``:name`` where there are several, or a shorthand) and the way to a
field, by keys, indexes, or the names of items.
"""

from __future__ import annotations

from typing import Any

from tests.k8s.manifests import Manifests, Workload

GONE = object()
"""The field, or the whole object, is removed."""

_NETWORK = "NetworkPolicy:translate-svc"
_PREFIX = "TRANSLATE_SVC_"
_TRIGGER = "ScaledObject spec triggers 0 metadata query"
_SCALED = "translate_svc_streams_active"
_CLIENTS = {"matchLabels": {"translate-svc/client": "true"}}
_REQUEST = "ResourceClaimTemplate spec spec devices requests 0 exactly"

MISTAKES: dict[str, tuple[tuple[str, str, Any, str], ...]] = {
    # rule: overlay, place, value, a part of the message
    "names_are_found": (
        ("gpu", "server envFrom 0 configMapRef name", "other", "no ConfigMap other"),
        ("gpu", "pod volumes tls secret secretName", "certificate", "no Secret certificate"),
        ("everything", "ScaledObject spec scaleTargetRef name", "x", "no Deployment x"),
        ("batch", "PriorityClass:translate-svc-batch", GONE, "no PriorityClass"),
    ),
    "namespaces_agree": (
        ("gpu", "Service:translate-svc metadata namespace", "default", "namespace default"),
    ),
    "volumes_are_mounted": (
        ("cpu-dev", "server volumeMounts models name", "weights", "which is no volume"),
        ("cpu-dev", "pod volumes tmp name", "shm", "nothing mounts the volume shm"),
    ),
    "selectors_take_something": (
        ("gpu", "Service:translate-svc spec selector app", "x", "selects no pod"),
        ("gpu", "Deployment spec template metadata labels", {}, "its selector misses"),
        ("gpu", "PodDisruptionBudget spec selector", {}, "selects every pod"),
        ("everything", "ServiceMonitor spec selector matchLabels", {}, "by 2 Services"),
    ),
    "servers_accept_their_settings": (
        ("gpu", "settings MAX_STREAM", "64", "MAX_STREAM: is not a setting"),
        ("gpu", "pod enableServiceLinks", GONE, "service links"),
    ),
    "traffic_is_protected": (
        ("cpu-dev", "settings INSECURE", GONE, "would refuse to start"),
        ("gpu", "settings INSECURE", "true", "has a certificate and allows plaintext"),
    ),
    "callers_are_known_everywhere": (
        ("everything", "settings RESUME_KEYS", GONE, "is refused by the others"),
        ("everything", "settings HTTP", "127.0.0.1:8080", "reached by nobody"),
    ),
    "servers_can_be_called": (("gpu", "settings HOST", GONE, "has a Service and listens on 127.0.0.1"),),
    "paths_are_mounted": (
        ("cpu-dev", "server volumeMounts models readOnly", GONE, "written by the server"),
        ("sidecar", "settings HOST", "unix:/run/grpc.sock", "grpc.sock is in no mount"),
    ),
    "listeners_are_declared": (("gpu", "settings PORT", "50052", "'grpc': 50052}"),),
    "ports_are_found": (
        ("gpu", "Service:translate-svc spec ports 0 targetPort", "grcp", "has no port grcp"),
    ),
    "probes_ask_what_is_served": (
        ("gpu", "server livenessProbe httpGet path", "/readyz", "asks /readyz"),
        ("sidecar", "settings ADMIN_HOST", "127.0.0.1", "port is on loopback"),
    ),
    "grace_covers_the_drain": (
        ("gpu", "pod terminationGracePeriodSeconds", GONE, "is killed after 30 s"),
        ("gpu", "server lifecycle preStop sleep seconds", 1, "before callers have heard"),
    ),
    "batches_go_on": (
        ("batch", "Job spec completions", 8, "not $(JOB_COMPLETION_INDEX)/8"),
        ("batch", "Job spec podFailurePolicy rules 0 onExitCodes values", [1], "exit codes [1]"),
    ),
    "gpus_match_the_device": (
        ("cpu-dev", "settings DEVICE", "cuda", "device cuda with 0 GPUs"),
        ("dra", "server resources limits nvidia.com/gpu", 1, "device cuda with 2 GPUs"),
    ),
    "gpu_nodes_take_their_pods": (
        ("gpu", "pod tolerations 0 key", "gpu.present", "does not stand the taint"),
        ("gpu", "pod tolerations 0 key", GONE, "stands every taint"),
        ("cpu-dev", "pod runtimeClassName", "nvidia", "needs no GPU and runs in"),
    ),
    "parts_hold_the_model": (("mig", "server resources limits nvidia.com/mig-1g.5gb", 1, "5gb for 8.4 GB"),),
    "claims_are_served": (
        ("dra", "server resources claims", GONE, "the claim gpu is not in its server"),
        ("dra", f"{_REQUEST} deviceClassName", "gpu", "no driver serves gpu"),
        ("dra", f"{_REQUEST} selectors 0", GONE, "whose driver does not know CUDA 13.0"),
        ("dra", f"{_REQUEST} selectors 1", GONE, "a GPU with less than 10.8 GB"),
    ),
    "threads_have_cores": (
        ("everything", "server resources requests cpu", "4", "5 processes of 1 threads"),
        ("everything", "settings FRONT_PROCESSES", "2", "128 streams for each front"),
    ),
    "pods_are_restricted": (
        ("gpu", "server securityContext readOnlyRootFilesystem", GONE, "may write to its"),
        ("cpu-dev", "pod volumes tmp hostPath", {"path": "/srv"}, "is not allowed"),
        ("gpu", "pod automountServiceAccountToken", GONE, "mounts a token"),
    ),
    "secrets_can_be_read": (
        ("gpu", "pod securityContext fsGroup", GONE, "tls have mode 0440, and fsGroup None"),
        ("gpu", "server volumeMounts tls subPath", "tls.key", "never sees a renewed Secret"),
    ),
    "images_are_pinned": (
        ("gpu", "server image", "registry.example.com/translate-svc:0.0.9-gpu", "runs 0.0.9"),
        ("sidecar", "pod containers 0 image", "video-call:0.1.0", "names no registry"),
    ),
    "network_is_shut_but_for_what_is_needed": (
        ("gpu", "NetworkPolicy:default-deny", GONE, "denies Egress"),
        ("gpu", f"{_NETWORK} spec ingress 0 from", GONE, "a stranger reaches grpc"),
        (
            "gpu",
            f"{_NETWORK} spec ingress 0 from",
            [{"podSelector": _CLIENTS}],
            "a caller does not reach grpc",
        ),
        (
            "everything",
            f"{_NETWORK}-gateway spec ingress 0 from 0 podSelector",
            GONE,
            "beside the gateway reaches grpc",
        ),
        ("everything", "NetworkPolicy:translate-svc-tracing spec egress 0 to", GONE, "to anywhere 4317 TCP"),
    ),
    "traces_can_leave": (
        ("everything", "NetworkPolicy:translate-svc-tracing spec egress 1", GONE, "system 53"),
    ),
    "memory_holds_the_weights": (
        ("gpu", "server resources limits memory", "4Gi", "4Gi for 9.2 GB of weights"),
    ),
    "models_are_verified_last": (
        ("gpu", "pod initContainers", [], "nothing verifies the model"),
        ("gpu", "settings MODEL", GONE, "verifies ['$(TRANSLATE_SVC_MODEL)']"),
    ),
    "replicas_have_one_owner": (
        ("everything", "Deployment spec replicas", 2, "names its replicas"),
        ("gpu", "Deployment spec replicas", GONE, "nobody says how many replicas"),
    ),
    "scaling_reads_metrics_that_exist": (
        ("everything", _TRIGGER, "sum(translate_svc_streams)", "not exposed"),
        ("everything", _TRIGGER, f"sum({_SCALED})", "of other namespaces"),
    ),
    "routes_show_the_contract_alone": (
        ("everything", "GRPCRoute spec rules 0 matches", [], "lets everything out"),
        ("everything", "HTTPRoute spec rules 0 matches 0 path type", "Prefix", "(Prefix)"),
    ),
    "proxies_let_streams_live": (
        (
            "everything",
            "BackendTrafficPolicy spec timeout http requestTimeout",
            GONE,
            "after requestTimeout of 15 s",
        ),
        (
            "everything",
            "ClientTrafficPolicy spec timeout http streamIdleTimeout",
            "5m",
            "a silent stream ends after 5m",
        ),
        (
            "everything",
            "BackendTrafficPolicy spec circuitBreaker maxParallelRequests",
            10,
            "refuses at 10 streams",
        ),
    ),
    "connections_are_bounded_and_spread": (
        ("everything", "ClientTrafficPolicy spec http2 maxConcurrentStreams", 5_000, "than the servers take"),
        ("everything", "ClientTrafficPolicy spec connection", {}, "not bounded"),
        ("everything", "BackendTrafficPolicy spec http2", {}, "all streams on"),
    ),
    "gateways_end_tls": (
        ("everything", "Gateway spec listeners 0 protocol", "HTTP", "does not end TLS"),
        ("everything", "BackendTLSPolicy spec targetRefs 1", GONE, "canary in plaintext"),
    ),
    "routes_have_listeners": (
        ("everything", "HTTPRoute spec hostnames", ["x"], "https does not listen for x"),
        ("everything", "Gateway spec listeners 1", GONE, "has no listener https"),
    ),
}


def seed(manifests: Manifests, place: str, value: Any) -> None:
    """Puts ``value`` at ``place``."""
    start, *steps = place.split()
    holder, last = _start(manifests, start), steps[-1] if steps else ""
    if not steps:
        manifests.objects.remove(holder)
        return
    for step in steps[:-1]:
        holder = holder[_key(holder, step)]
    if start == "settings" and last.isupper():
        last = _PREFIX + last
    if value is GONE:
        del holder[_key(holder, last)]
    else:
        holder[_key(holder, last)] = value


def _start(manifests: Manifests, name: str) -> Any:
    """An object, or what one of the shorthands ``pod``, ``server`` and ``settings`` stands for."""
    if name == "settings":
        return manifests.of_kind("ConfigMap")[0]["data"]
    if name in ("pod", "server"):
        workload = Workload(manifests.of_kind("Deployment")[0])
        if name == "pod":
            return workload.pod
        assert workload.server is not None
        return workload.server.spec
    kind, _, named = name.partition(":")
    return manifests.one(kind, named) if named else manifests.of_kind(kind)[0]


def _key(holder: Any, step: str) -> str | int:
    if not isinstance(holder, list):
        return step
    return int(step) if step.isdigit() else [each["name"] for each in holder].index(step)
