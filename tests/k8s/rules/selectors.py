"""Selectors that must take pods, and objects that must be taken."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Manifests, matches, title


def selectors_take_something(manifests: Manifests) -> Iterator[str]:
    """Every selector takes at least one workload's pods, and a workload's own takes its own alone."""
    pods = {workload.name: workload.labels for workload in manifests.workloads}
    for workload in manifests.deployments:
        selector = workload.object["spec"]["selector"]
        for name, labels in pods.items():
            if matches(selector, labels) != (name == workload.name):
                yield f"{workload.name}: its selector {'takes' if name != workload.name else 'misses'} {name}"
        for constraint in workload.pod.get("topologySpreadConstraints", []):
            selected = constraint["labelSelector"]
            if not selected.get("matchLabels") or not matches(selected, workload.labels):
                yield f"{workload.name}: spreads over {constraint['topologyKey']}, but not its own pods"
    for item in manifests.of_kind("Service"):
        if not any(matches({"matchLabels": item["spec"]["selector"]}, labels) for labels in pods.values()):
            yield f"{title(item)}: selects no pod"
    for item in manifests.of_kind("PodDisruptionBudget"):
        if not any(matches(item["spec"]["selector"], labels) for labels in pods.values()):
            yield f"{title(item)}: selects no pod"
    for item in manifests.of_kind("Deployment", "PodDisruptionBudget"):
        if not item["spec"]["selector"].get("matchLabels"):
            yield f"{title(item)}: selects every pod"
    for item in manifests.of_kind("NetworkPolicy"):
        opens = item["spec"].get("ingress") or item["spec"].get("egress")
        if opens and not item["spec"]["podSelector"].get("matchLabels"):
            yield f"{title(item)}: opens every pod"
        if not any(matches(item["spec"]["podSelector"], labels) for labels in pods.values()):
            yield f"{title(item)}: selects no pod"
    for item in manifests.of_kind("ServiceMonitor"):
        services = manifests.of_kind("Service")
        taken = [each for each in services if matches(item["spec"]["selector"], each["metadata"]["labels"])]
        for name, labels in pods.items():
            times = sum(matches({"matchLabels": each["spec"]["selector"]}, labels) for each in taken)
            if times != 1:
                yield f"{title(item)}: scrapes {name} by {times} Services; two would count every stream twice"
