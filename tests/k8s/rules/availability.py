"""Rolls and node drains without a gap, and who gets a GPU where there are too few."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Manifests, Workload, matches, title
from tests.k8s.rules.resources import gpus_of

_LEAST_SCALED = -10
"""Below this the cluster autoscaler adds no node for a pod (``--expendable-pods-priority-cutoff``)."""


def rolls_keep_every_server(manifests: Manifests) -> Iterator[str]:
    """A roll takes no server away before another is ready."""
    for workload in manifests.deployments:
        roll = workload.object["spec"].get("strategy", {})
        limits = roll.get("rollingUpdate", {})
        if roll.get("type") != "RollingUpdate" or limits.get("maxUnavailable") != 0:
            yield f"{workload.name}: a roll may take a server away before its successor is ready"
        if not limits.get("maxSurge"):
            yield f"{workload.name}: a roll that may neither add nor take away a pod never moves"


def budgets_allow_drains(manifests: Manifests) -> Iterator[str]:
    """Whoever stands behind a Service has a budget, and it lets a node drain proceed."""
    for workload in manifests.deployments:
        services = [item["spec"]["selector"] for item in manifests.of_kind("Service")]
        budgets = [
            item
            for item in manifests.of_kind("PodDisruptionBudget")
            if matches(item["spec"]["selector"], workload.labels)
        ]
        if not budgets and any(matches({"matchLabels": each}, workload.labels) for each in services):
            yield f"{workload.name}: no PodDisruptionBudget"
        for item in budgets:
            spec = item["spec"]
            if len({"maxUnavailable", "minAvailable"} & set(spec)) != 1:
                yield f"{title(item)}: does not say how many pods may go"
            if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
                yield f"{title(item)}: a server that never becomes ready holds a node drain up"
            if spec.get("maxUnavailable") in (0, "0%") or spec.get("minAvailable", 0) in _all_of(
                manifests, workload
            ):
                yield f"{title(item)}: no pod may ever go, so a node drain never ends"


def _all_of(manifests: Manifests, workload: Workload) -> tuple[object, ...]:
    replicas = workload.object["spec"].get("replicas")
    scaled = [item["spec"]["minReplicaCount"] for item in manifests.of_kind("ScaledObject")]
    least = replicas if replicas is not None else min(scaled, default=1)
    return ("100%", *range(least, 1000))


def servers_are_spread(manifests: Manifests) -> Iterator[str]:
    """Over nodes and zones, and a roll's new pods among themselves: one lost node is one lost server."""
    for workload in manifests.deployments:
        if workload.server is None or workload.server.kind != "main":
            continue
        constraints = {
            each["topologyKey"]: each for each in workload.pod.get("topologySpreadConstraints", [])
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone"):
            if key not in constraints:
                yield f"{workload.name}: is not spread over {key}"
            elif constraints[key].get("matchLabelKeys") != ["pod-template-hash"]:
                yield f"{workload.name}: the pods that go count over {key}"


def services_send_to_ready_pods(manifests: Manifests) -> Iterator[str]:
    """A server that still loads, or drains, has no address."""
    for item in manifests.of_kind("Service"):
        if item["spec"].get("publishNotReadyAddresses"):
            yield f"{title(item)}: publishes pods that are not ready"
        if item["spec"].get("sessionAffinity", "None") != "None":
            yield f"{title(item)}: keeps a caller on one pod"


def calls_go_before_files(manifests: Manifests) -> Iterator[str]:
    """Servers may take a GPU from batches. These take none, and are not forgotten by the autoscaler."""
    for workload in manifests.workloads:
        if any(container.is_server for container in workload.containers):
            if _value(manifests, workload) <= 0:
                yield f"{workload.name}: its calls wait behind whatever has no class"
        elif any(gpus_of(manifests, workload, container) for container in workload.containers):
            yield from _of_batch(manifests, workload)
    for item in manifests.of_kind("PriorityClass"):
        if item.get("globalDefault"):
            yield f"{title(item)}: is that of every pod in the cluster"


def _of_batch(manifests: Manifests, workload: Workload) -> Iterator[str]:
    value = _value(manifests, workload)
    if not _LEAST_SCALED <= value < 0:
        yield f"{workload.name}: a priority of {value}, not of {_LEAST_SCALED} to -1"
    item = manifests.find("PriorityClass", workload.pod.get("priorityClassName", ""))
    if item is not None and item.get("preemptionPolicy") != "Never":
        yield f"{workload.name}: files may take the GPU of somebody else"


def _value(manifests: Manifests, workload: Workload) -> int:
    item = manifests.find("PriorityClass", workload.pod.get("priorityClassName", ""))
    return int(item["value"]) if item is not None else 0
