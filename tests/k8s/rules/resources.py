"""GPUs, memory and cores."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Manifests, Object
from tests.k8s.rules.settings import engines_that_load

GPU = "nvidia.com/gpu"


def gpus_are_whole(manifests: Manifests) -> Iterator[str]:
    """Extended resources are not overcommitted; who asks for CUDA has one GPU, who does not has none."""
    for workload in manifests.workloads:
        for container in workload.containers:
            resources = container.spec["resources"]
            asked, limit = (resources.get(kind, {}).get(GPU) for kind in ("requests", "limits"))
            if asked != limit:
                yield f"{workload.name}: {container.name} asks for {asked} GPUs and is limited to {limit}"
    for workload, container, settings in engines_that_load(manifests):
        wanted = 1 if settings.device.startswith("cuda") else None
        given = container.spec["resources"].get("limits", {}).get(GPU)
        if given != wanted:
            yield f"{workload.name}: device {settings.device} with {given} GPUs"


def resources_are_bounded(manifests: Manifests) -> Iterator[str]:
    """Everything asks for cores and memory and has a limit of memory; every emptyDir has a size."""
    for workload in manifests.workloads:
        for container in workload.containers:
            resources = container.spec.get("resources", {})
            if not {"cpu", "memory"} <= set(resources.get("requests", {})):
                yield f"{workload.name}: {container.name} does not say what it needs"
            if "memory" not in resources.get("limits", {}):
                yield f"{workload.name}: {container.name} may take all of the node's memory"
        for volume in workload.pod.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{workload.name}: the volume {volume['name']} has no limit"


def gpu_nodes_take_their_pods(manifests: Manifests) -> Iterator[str]:
    """Nodes with GPUs are tainted with the resource's name; only pods that need one stand it."""
    taint = {"key": GPU, "value": "present", "effect": "NoSchedule"}
    for workload in manifests.workloads:
        asks = any(GPU in each.spec.get("resources", {}).get("limits", {}) for each in workload.containers)
        stands = any(_tolerates(each, taint) for each in workload.pod.get("tolerations", []))
        if asks != stands:
            how = "does not stand" if asks else "needs no GPU and stands"
            yield f"{workload.name}: {how} the taint {GPU}"


def cores_are_not_throttled(manifests: Manifests) -> Iterator[str]:
    """A server has a core, and no limit is below one, or below what is asked for: it would stutter."""
    for workload in manifests.workloads:
        for container in workload.containers:
            resources = container.spec.get("resources", {})
            asked, limit = (resources.get(kind, {}).get("cpu") for kind in ("requests", "limits"))
            if limit is not None and cores(limit) < max(cores(asked or "0"), 1):
                yield f"{workload.name}: {container.name} is limited to {limit} cores"
            if container.is_engine and cores(asked or "0") < 1:
                yield f"{workload.name}: {container.name} asks for {asked} cores"


def cores(quantity: str | int) -> float:
    """A quantity of processors."""
    text = str(quantity)
    return int(text[:-1]) / 1000 if text.endswith("m") else float(text)


def _tolerates(toleration: Object, taint: Object) -> bool:
    """As the scheduler matches them."""
    if toleration.get("effect") not in (None, taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, taint["key"])
    return (toleration.get("key"), toleration.get("value")) == (taint["key"], taint["value"])
