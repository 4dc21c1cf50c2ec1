"""Mistakes that were made once, somewhere: one field of sound manifests is changed, a rule must see it.

A place is an object (its kind, with ``:name`` where there are several, or a shorthand) and the way to a
field, by keys, indexes, or the names of items.
"""

from __future__ import annotations

from typing import Any

from tests.k8s.manifests import Manifests, Workload

GONE = object()
"""The field, or the whole object, is removed."""

_PREFIX = "TRANSLATE_SVC_"
_TRIGGER = "ScaledObject spec triggers 0 metadata query"
_PROMETHEUS = "ScaledObject spec triggers 0 metadata serverAddress"
_SCRAPER = "NetworkPolicy:translate-svc spec ingress 1 from 0 namespaceSelector"
_ENDPOINT = "ServiceMonitor spec endpoints 0"
_POD_NAME = "BackendTLSPolicy spec validation hostname"
_SPREAD = "pod topologySpreadConstraints"

MISTAKES: dict[str, tuple[tuple[str, str, Any, str], ...]] = {
    # rule: overlay, place, value, a part of the message
    "names_are_found": (("gpu", "server envFrom 0 configMapRef name", "other", "no ConfigMap other"),),
    "namespaces_agree": (
        ("gpu", "Service:translate-svc metadata namespace", "default", "namespace default"),
    ),
    "volumes_are_mounted": (("cpu-dev", "server volumeMounts models name", "weights", "which is no volume"),),
    "selectors_take_something": (("gpu", "Service:translate-svc spec selector app", "x", "selects no pod"),),
    "servers_accept_their_settings": (("gpu", "settings MAX_STREAM", "64", "MAX_STREAM: is not a setting"),),
    "traffic_is_protected": (("cpu-dev", "settings INSECURE", GONE, "would refuse to start"),),
    "callers_are_known_everywhere": (
        ("everything", "settings RESUME_KEYS", GONE, "is refused by the others"),
    ),
    "servers_can_be_called": (("gpu", "settings HOST", GONE, "has a Service and listens on 127.0.0.1"),),
    "one_proxy_is_in_front": (("gpu", "settings GUARD", GONE, "guard is auto"),),
    "paths_are_mounted": (("cpu-dev", "server volumeMounts models readOnly", GONE, "written by the server"),),
    "listeners_are_declared": (("gpu", "settings PORT", "50052", "'grpc': 50052}"),),
    "ports_are_found": (
        ("gpu", "Service:translate-svc spec ports 0 targetPort", "grcp", "has no port grcp"),
    ),
    "probes_ask_what_is_served": (("gpu", "server livenessProbe httpGet path", "/readyz", "asks /readyz"),),
    "grace_covers_the_drain": (("gpu", "pod terminationGracePeriodSeconds", GONE, "is killed after 30 s"),),
    "batches_go_on": (("batch", "Job spec completions", 8, "not $(JOB_COMPLETION_INDEX)/8"),),
    "gpus_match_the_device": (("cpu-dev", "settings DEVICE", "cuda", "device cuda with 0 GPUs"),),
    "gpu_nodes_take_their_pods": (
        ("gpu", "pod tolerations 0 key", "gpu.present", "does not stand the taint"),
    ),
    "parts_hold_the_model": (("mig", "server resources limits nvidia.com/mig-1g.5gb", 1, "5gb for 8.4 GB"),),
    "claims_are_served": (("dra", "server resources claims", GONE, "the claim gpu is not in its server"),),
    "threads_have_cores": (("everything", "server resources requests cpu", "4", "5 processes of 1 threads"),),
    "pods_are_restricted": (
        ("gpu", "server securityContext readOnlyRootFilesystem", GONE, "may write to its"),
    ),
    "secrets_can_be_read": (
        ("gpu", "pod securityContext fsGroup", GONE, "tls have mode 0440, and fsGroup None"),
    ),
    "images_are_pinned": (
        ("gpu", "server image", "registry.example.com/translate-svc:0.0.9-gpu", "runs 0.0.9"),
    ),
    "network_is_shut_but_for_what_is_needed": (("gpu", "NetworkPolicy:default-deny", GONE, "denies Egress"),),
    "traces_can_leave": (
        ("everything", "NetworkPolicy:translate-svc-tracing spec egress 1", GONE, "system 53"),
    ),
    "memory_holds_the_weights": (
        ("gpu", "server resources limits memory", "4Gi", "4Gi for 9.2 GB of weights"),
        ("cpu", "server resources requests memory", "3Gi", "3Gi for 2.9 GB of weights"),
        ("cpu", "settings DTYPE", "float32", "6Gi for 9.2 GB of weights"),
    ),
    "models_are_verified_last": (("gpu", "pod initContainers", [], "nothing verifies the model"),),
    "replicas_have_one_owner": (("everything", "Deployment spec replicas", 2, "names its replicas"),),
    "scaling_reads_metrics_that_exist": (
        ("everything", _TRIGGER, "sum(translate_svc_streams)", "not exposed"),
    ),
    "a_pod_too_many_on_a_node_still_starts": (
        ("gpu", f"{_SPREAD} 0 whenUnsatisfiable", "DoNotSchedule", "is pending where kubernetes.io/host"),
        ("gpu", f"{_SPREAD} 1 whenUnsatisfiable", GONE, "is pending where topology.kubernetes.io/zone"),
    ),
    "prometheus_is_let_in": (
        ("everything", _PROMETHEUS, "http://prometheus.observability.svc:9090", "is not let in to scrape"),
        ("everything", f"{_SCRAPER} matchLabels", {"x": "y"}, "is not let in to scrape"),
    ),
    "scrapes_come_often_enough": (
        ("everything", f"{_ENDPOINT} interval", "5m", "every 300 s, alerts look at 120 s"),
        ("everything", f"{_ENDPOINT} interval", "20s", "every 20 s, scaling asks every 15 s"),
        ("everything", f"{_ENDPOINT} scrapeTimeout", "20s", "longer than until the next"),
    ),
    "tmp_holds_the_uploads": (
        ("gpu", "pod volumes tmp emptyDir sizeLimit", "1Mi", "1 MiB of /tmp for 0 uploads"),
        ("everything", "pod volumes tmp emptyDir sizeLimit", "1Gi", "1024 MiB of /tmp for 64 uploads"),
    ),
    "routes_show_the_contract_alone": (
        ("everything", "GRPCRoute spec rules 0 matches", [], "lets everything out"),
    ),
    "proxies_let_streams_live": (
        (
            "everything",
            "BackendTrafficPolicy spec timeout http requestTimeout",
            GONE,
            "after requestTimeout of 15 s",
        ),
    ),
    "connections_are_bounded_and_spread": (
        ("everything", "ClientTrafficPolicy spec http2 maxConcurrentStreams", 5_000, "than the servers take"),
    ),
    "gateways_end_tls": (("everything", "Gateway spec listeners 0 protocol", "HTTP", "does not end TLS"),),
    "routes_have_listeners": (
        ("everything", "HTTPRoute spec hostnames", ["x"], "https does not listen for x"),
    ),
    "hosts_are_said": (
        ("everything", "Gateway spec listeners 0 hostname", "translate.example.org", "does not know"),
        ("everything", "Gateway spec listeners 0 hostname", GONE, "grpcs takes *"),
        ("everything", _POD_NAME, "translate-svc.default.svc", "must name translate-svc.default.svc"),
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
