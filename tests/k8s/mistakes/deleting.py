"""Fields that were deleted: what Kubernetes or the server then assumes is not what was meant."""

from __future__ import annotations

from tests.k8s import rules
from tests.k8s.manifests import Manifests, Object
from tests.k8s.mistakes.seeding import Mistake, deployment, pod, policy, settings, spec, volume


def _spread(manifests: Manifests) -> list[Object]:
    constraints: list[Object] = pod(manifests)["topologySpreadConstraints"]
    return constraints


def _scale_down(manifests: Manifests) -> Object:
    advanced: Object = spec(manifests, "ScaledObject")["advanced"]["horizontalPodAutoscalerConfig"]
    down: Object = advanced["behavior"]["scaleDown"]
    return down


def _gateway_source(manifests: Manifests) -> Object:
    source: Object = policy(manifests, "translate-svc-gateway")["ingress"][0]["from"][0]
    return source


def _collector(manifests: Manifests) -> Object:
    peer: Object = policy(manifests, "translate-svc-tracing")["egress"][0]["to"][0]
    return peer


MISTAKES = (
    Mistake(
        rules.servers_can_be_called,
        "gpu",
        lambda m: settings(m).pop("TRANSLATE_SVC_HOST"),
        "has a Service and listens on 127.0.0.1",
    ),
    Mistake(
        rules.models_are_verified_last,
        "gpu",
        lambda m: settings(m).pop("TRANSLATE_SVC_MODEL"),
        "verifies ['$(TRANSLATE_SVC_MODEL)'], not starter",
    ),
    Mistake(
        rules.models_are_verified_last,
        "sidecar",
        lambda m: pod(m)["initContainers"][0].pop("envFrom"),
        "verifies ['$(TRANSLATE_SVC_MODEL)'], not facebook/seamless-m4t-v2-large",
    ),
    Mistake(
        rules.models_are_verified_last,
        "batch",
        lambda m: m.workloads[0].pod["initContainers"][0]["args"].pop(),
        "verifies [], not facebook/seamless-m4t-v2-large",
    ),
    Mistake(
        rules.replicas_have_one_owner,
        "gpu",
        lambda m: deployment(m)["spec"].pop("replicas"),
        "nobody says how many replicas",
    ),
    Mistake(
        rules.replicas_have_one_owner,
        "everything",
        lambda m: _scale_down(m).pop("policies"),
        "takes more than one pod away at once",
    ),
    Mistake(
        rules.replicas_have_one_owner,
        "everything",
        lambda m: spec(m, "ScaledObject")["fallback"].pop("behavior"),
        "takes pods away while Prometheus does not answer",
    ),
    Mistake(
        rules.scaling_reads_metrics_that_exist,
        "everything",
        lambda m: spec(m, "ScaledObject")["triggers"][0]["metadata"].pop("ignoreNullValues"),
        "takes no answer for no streams",
    ),
    Mistake(
        rules.selectors_take_something,
        "gpu",
        lambda m: spec(m, "PodDisruptionBudget")["selector"]["matchLabels"].clear(),
        "PodDisruptionBudget/translate-svc: selects every pod",
    ),
    Mistake(
        rules.selectors_take_something,
        "gpu",
        lambda m: policy(m, "translate-svc")["podSelector"]["matchLabels"].clear(),
        "NetworkPolicy/translate-svc: opens every pod",
    ),
    Mistake(
        rules.selectors_take_something,
        "gpu",
        lambda m: _spread(m)[0]["labelSelector"]["matchLabels"].clear(),
        "not its own pods",
    ),
    Mistake(
        rules.servers_are_spread,
        "gpu",
        lambda m: _spread(m).pop(),
        "is not spread over topology.kubernetes.io/zone",
    ),
    Mistake(
        rules.servers_are_spread,
        "gpu",
        lambda m: _spread(m)[0].pop("matchLabelKeys"),
        "the pods that go count over kubernetes.io/hostname",
    ),
    Mistake(
        rules.budgets_allow_drains,
        "gpu",
        lambda m: spec(m, "PodDisruptionBudget").pop("maxUnavailable"),
        "does not say how many pods may go",
    ),
    Mistake(
        rules.budgets_allow_drains,
        "gpu",
        lambda m: spec(m, "PodDisruptionBudget").pop("unhealthyPodEvictionPolicy"),
        "a server that never becomes ready holds a node drain up",
    ),
    Mistake(
        rules.ports_are_found,
        "gpu",
        lambda m: m.one("Service", "translate-svc-headless")["spec"].pop("clusterIP"),
        "translate-svc-headless: has one address for all pods",
    ),
    Mistake(
        rules.ports_are_found,
        "gpu",
        lambda m: m.one("Service", "translate-svc-headless")["spec"]["ports"].pop(),
        "translate-svc-headless: does not lead to admin",
    ),
    Mistake(
        rules.ports_are_found,
        "everything",
        lambda m: m.one("Service", "translate-svc")["spec"]["ports"].clear(),
        "translate-svc: does not lead to http",
    ),
    Mistake(
        rules.volumes_are_mounted,
        "gpu",
        lambda m: volume(m, "tmp").pop("emptyDir"),
        "the volume tmp is of no kind",
    ),
    Mistake(
        rules.gpu_nodes_take_their_pods,
        "gpu",
        lambda m: pod(m)["tolerations"][0].pop("key"),
        "stands every taint",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "everything",
        lambda m: _gateway_source(m)["namespaceSelector"]["matchLabels"].clear(),
        "who has the gateway's label reaches grpc",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "everything",
        lambda m: _gateway_source(m).pop("podSelector"),
        "who is beside the gateway reaches grpc",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "everything",
        lambda m: policy(m, "translate-svc-tracing")["egress"][0]["to"][0]["podSelector"][
            "matchLabels"
        ].clear(),
        "audio has a way out, to anywhere 4317 TCP",
    ),
    Mistake(
        rules.proxies_let_streams_live,
        "everything",
        lambda m: spec(m, "ClientTrafficPolicy").pop("http2"),
        "never finds a caller that froze",
    ),
    Mistake(
        rules.gateways_end_tls,
        "everything",
        lambda m: spec(m, "Gateway")["listeners"][0].pop("hostname"),
        "grpcs takes every name",
    ),
    Mistake(
        rules.canaries_hold_their_share,
        "everything",
        lambda m: spec(m, "GRPCRoute")["rules"][0]["backendRefs"].pop(0),
        "most streams go to a canary",
    ),
    Mistake(
        rules.sidecars_frame_their_callers,
        "sidecar",
        lambda m: pod(m).pop("terminationGracePeriodSeconds"),
        "a call is killed 30 s after its pod was deleted",
    ),
)
