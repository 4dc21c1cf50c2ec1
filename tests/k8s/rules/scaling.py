"""KEDA: who owns the number of replicas, and what it is computed from."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Manifests, title
from tests.k8s.monitoring.promql import complaints


def replicas_have_one_owner(manifests: Manifests) -> Iterator[str]:
    """A Deployment that is scaled names no replicas: every apply would undo the scaling."""
    scaled = {item["spec"]["scaleTargetRef"]["name"] for item in manifests.of_kind("ScaledObject")}
    for workload in manifests.deployments:
        if "replicas" not in workload.object["spec"] and workload.object["metadata"]["name"] not in scaled:
            yield f"{workload.name}: nobody says how many replicas; it has one"
    for item in manifests.of_kind("ScaledObject"):
        target = manifests.find("Deployment", item["spec"]["scaleTargetRef"]["name"])
        if target is not None and "replicas" in target["spec"]:
            yield f"{title(target)}: names its replicas, and {title(item)} scales it"


def scaling_reads_metrics_that_exist(manifests: Manifests) -> Iterator[str]:
    """The query is well formed, over metrics of the server, in the namespace of the target."""
    for item in manifests.of_kind("ScaledObject"):
        for trigger in item["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            yield from (f"{title(item)}: {each}" for each in complaints(query))
            if f'namespace="{item["metadata"]["namespace"]}"' not in query:
                yield f"{title(item)}: counts the streams of other namespaces too"


def a_pod_too_many_on_a_node_still_starts(manifests: Manifests) -> Iterator[str]:
    """Spreading is a wish: where a zone or its nodes are gone, or a roll takes one more, others do."""
    for workload in manifests.workloads:
        for constraint in workload.pod.get("topologySpreadConstraints", []):
            if constraint.get("whenUnsatisfiable", "DoNotSchedule") != "ScheduleAnyway":
                yield f"{workload.name}: is pending where {constraint['topologyKey']} is short"
