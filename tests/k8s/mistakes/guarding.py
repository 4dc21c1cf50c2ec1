"""Resources, rights, networks and scaling that are not what was meant."""

from __future__ import annotations

from tests.k8s import rules
from tests.k8s.manifests import SERVER_IMAGE
from tests.k8s.mistakes.seeding import Mistake, deployment, drop, pod, policy, server, settings, spec, volume

MISTAKES = (
    Mistake(
        rules.gpus_are_whole,
        "gpu",
        lambda m: server(m)["resources"]["requests"].pop("nvidia.com/gpu"),
        "asks for None GPUs and is limited to {'nvidia.com/gpu': 1}",
    ),
    Mistake(
        rules.gpus_are_whole,
        "cpu-dev",
        lambda m: settings(m).update(TRANSLATE_SVC_DEVICE="cuda"),
        "device cuda with 0 GPUs",
    ),
    Mistake(
        rules.resources_are_bounded,
        "gpu",
        lambda m: server(m)["resources"]["limits"].pop("memory"),
        "all of the node's memory",
    ),
    Mistake(
        rules.resources_are_bounded,
        "cpu-dev",
        lambda m: volume(m, "tmp").update(emptyDir={}),
        "has no limit",
    ),
    Mistake(
        rules.pods_are_restricted,
        "gpu",
        lambda m: server(m)["securityContext"].pop("readOnlyRootFilesystem"),
        "may write to its root filesystem",
    ),
    Mistake(
        rules.pods_are_restricted,
        "gpu",
        lambda m: pod(m)["securityContext"].pop("runAsNonRoot"),
        "may run as root",
    ),
    Mistake(
        rules.pods_are_restricted,
        "cpu-dev",
        lambda m: volume(m, "tmp").update(emptyDir=None, hostPath={"path": "/srv"}),
        "of a kind that is not allowed",
    ),
    Mistake(
        rules.pods_are_restricted,
        "gpu",
        lambda m: pod(m).pop("automountServiceAccountToken"),
        "mounts a token",
    ),
    Mistake(
        rules.pods_are_restricted,
        "gpu",
        lambda m: m.of_kind("Namespace")[0]["metadata"].pop("labels"),
        "does not enforce",
    ),
    Mistake(
        rules.images_are_pinned,
        "gpu",
        lambda m: server(m).update(image=f"{SERVER_IMAGE}:latest"),
        "whatever",
    ),
    Mistake(
        rules.images_are_pinned,
        "gpu",
        lambda m: server(m).update(image=f"{SERVER_IMAGE}:0.0.9-gpu"),
        "runs 0.0.9",
    ),
    Mistake(
        rules.images_are_pinned,
        "gpu",
        lambda m: server(m).update(image="localhost:5000/translate-svc"),
        "whatever localhost:5000/translate-svc is today",
    ),
    Mistake(
        rules.images_are_pinned,
        "sidecar",
        lambda m: pod(m)["containers"][0].update(image="video-call:0.1.0"),
        "names no registry for video-call",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "gpu",
        lambda m: drop(m, "NetworkPolicy", "default-deny"),
        "no policy denies Egress",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "gpu",
        lambda m: policy(m, "translate-svc")["ingress"].pop(1),
        "the scraper does not reach admin",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "sidecar",
        lambda m: policy(m, "translate-svc-sidecar")["ingress"].pop(),
        "the scraper does not reach admin",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "gpu",
        lambda m: policy(m, "translate-svc")["ingress"][0].pop("from"),
        "a stranger reaches grpc",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "gpu",
        # a pod's label, where its namespace's was meant
        lambda m: policy(m, "translate-svc")["ingress"][0].update(
            {"from": [{"podSelector": {"matchLabels": {"translate-svc/client": "true"}}}]}
        ),
        "a caller does not reach grpc",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "everything",
        lambda m: drop(m, "NetworkPolicy", "translate-svc-gateway"),
        "the gateway does not reach grpc",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "everything",
        lambda m: policy(m, "translate-svc-tracing")["egress"][0].pop("to"),
        "audio has a way out, to anywhere 4317 TCP",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "everything",
        lambda m: policy(m, "translate-svc-tracing")["egress"][0]["ports"].append({"port": 443}),
        "audio has a way out, to monitoring 443 TCP",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "everything",
        lambda m: settings(m).pop("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "audio has a way out, to monitoring 4317 TCP",
    ),
    Mistake(
        rules.traces_can_leave,
        "everything",
        lambda m: policy(m, "translate-svc-tracing")["egress"].pop(),
        "no policy lets it go to kube-system 53 UDP",
    ),
    Mistake(
        rules.traces_can_leave,
        "everything",
        lambda m: settings(m).update(OTEL_EXPORTER_OTLP_ENDPOINT="http://tempo.tracing.svc:4317"),
        "no policy lets it go to tracing 4317 TCP",
    ),
    Mistake(
        rules.replicas_have_one_owner,
        "everything",
        lambda m: deployment(m)["spec"].update(replicas=2),
        "names its replicas",
    ),
    Mistake(
        rules.replicas_have_one_owner,
        "everything",
        lambda m: spec(m, "ScaledObject")["advanced"]["horizontalPodAutoscalerConfig"]["behavior"][
            "scaleDown"
        ].pop("stabilizationWindowSeconds"),
        "scales down on a lull",
    ),
    Mistake(
        rules.scaling_reads_metrics_that_exist,
        "everything",
        lambda m: spec(m, "ScaledObject")["triggers"][0]["metadata"].update(
            query='sum(translate_svc_active_streams{namespace="translate-svc"})'
        ),
        "translate_svc_active_streams is not exposed",
    ),
    Mistake(
        rules.scaling_reads_metrics_that_exist,
        "everything",
        lambda m: spec(m, "ScaledObject")["triggers"][0]["metadata"].update(
            query="sum(translate_svc_streams_active)"
        ),
        "other namespaces",
    ),
    Mistake(
        rules.scaling_reads_metrics_that_exist,
        "everything",
        lambda m: spec(m, "ScaledObject")["triggers"][0]["metadata"].update(
            query='sum(translate_svc_streams_active{namespace="translate-svc"} '
            '/ translate_svc_streams_capacity{namespace="translate-svc"})'
        ),
        "divides by the 0 of a pod that still loads",
    ),
    Mistake(
        rules.scaling_reads_metrics_that_exist,
        "everything",
        lambda m: spec(m, "ScaledObject")["triggers"][0].update(metricType="Value"),
        "a fallback needs AverageValue",
    ),
)
