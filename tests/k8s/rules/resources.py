"""GPUs, memory and cores."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Manifests
from tests.k8s.rules.settings import servers_that_load

GPU = "nvidia.com/gpu"


def gpus_are_whole(manifests: Manifests) -> Iterator[str]:
    """Extended resources are not overcommitted; who asks for CUDA has one GPU, who does not has none."""
    for workload in manifests.workloads:
        for container in workload.containers:
            resources = container.spec["resources"]
            asked, limit = (resources.get(kind, {}).get(GPU) for kind in ("requests", "limits"))
            if asked != limit:
                yield f"{workload.name}: {container.name} asks for {asked} GPUs and is limited to {limit}"
    for workload, container, settings in servers_that_load(manifests):
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
