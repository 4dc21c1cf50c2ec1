"""GPUs (whole ones, parts of one by MIG, claims by DRA), memory and cores."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.k8s.manifests import Container, Manifests, Object, Workload, title
from tests.k8s.rules.models import weight_bytes
from tests.k8s.rules.settings import engines_that_load
from translate_svc.config import Settings

GPU = "nvidia.com/gpu"
CUDA_VERSION = "13.0"
"""What PyTorch's wheel brings; its driver must know it."""

_MOST_STREAMS_A_PROCESS = 64
"""50 messages of 0.21 ms each second of a stream, as measured: two thirds of a core."""

_PART = re.compile(r"nvidia\.com/mig-\dg\.(\d+)gb")
_CLASSES = ("gpu.nvidia.com", "mig.nvidia.com")
_SLOT_BYTES = 50_000_000
"""Keys and values of one slot on paper: bfloat16, 24 layers of 1,024, 256 tokens of text, 250 frames."""

_ENGINE_BYTES = 3_000_000_000
"""CUDA, its graphs, and what a batch of 15 s takes to encode, on paper."""


def gpus_of(manifests: Manifests, workload: Workload, container: Container) -> int:
    """How many GPUs, or parts of one, a container gets."""
    limits = container.spec.get("resources", {}).get("limits", {})
    counted = sum(int(count) for name, count in limits.items() if _is_gpu(name))
    requests = requests_of(manifests, workload, container)
    return counted + sum(int(each.get("exactly", {}).get("count", 1)) for each in requests)


def requests_of(manifests: Manifests, workload: Workload, container: Container) -> list[Object]:
    """The requests of the claims that a container uses; none of a claim that is not there."""
    names = [each["name"] for each in container.spec.get("resources", {}).get("claims", [])]
    templates = {
        each["name"]: manifests.find("ResourceClaimTemplate", each["resourceClaimTemplateName"])
        for each in workload.pod.get("resourceClaims", [])
    }
    found = [templates[name] for name in names if templates.get(name)]
    return [request for item in found if item for request in item["spec"]["spec"]["devices"]["requests"]]


def gpus_match_the_device(manifests: Manifests) -> Iterator[str]:
    """Who asks for CUDA has one GPU, who does not has none."""
    for workload, container, settings in engines_that_load(manifests):
        given = gpus_of(manifests, workload, container)
        if given != int(settings.device.startswith("cuda")):
            yield f"{workload.name}: device {settings.device} with {given} GPUs"


def gpu_nodes_take_their_pods(manifests: Manifests) -> Iterator[str]:
    """Nodes with GPUs are tainted with the resource's name; only pods that need one stand it."""
    taint = {"key": GPU, "value": "present", "effect": "NoSchedule"}
    for workload in manifests.workloads:
        asks = any(gpus_of(manifests, workload, each) for each in workload.containers)
        stands = any(_tolerates(each, taint) for each in workload.pod.get("tolerations", []))
        if any("key" not in each for each in workload.pod.get("tolerations", [])):
            yield f"{workload.name}: stands every taint"
        if asks != stands:
            how = "does not stand" if asks else "needs no GPU and stands"
            yield f"{workload.name}: {how} the taint {GPU}"
        if "runtimeClassName" in workload.pod and not asks:
            yield f"{workload.name}: needs no GPU and runs in {workload.pod['runtimeClassName']}"


def parts_hold_the_model(manifests: Manifests) -> Iterator[str]:
    """A part of a GPU holds the weights, every slot, and what the engine needs besides."""
    for workload, container, settings in engines_that_load(manifests):
        for name in container.spec["resources"].get("limits", {}):
            if match := _PART.fullmatch(name):
                needed = device_bytes(settings)
                if int(match[1]) * 10**9 < needed:
                    yield f"{workload.name}: {name} for {needed / 1e9:.1f} GB"


def device_bytes(settings: Settings) -> int:
    """What an engine takes of a GPU's memory, on paper."""
    weights = weight_bytes(settings.model) // (2 if settings.dtype == "bfloat16" else 1)
    return weights + settings.max_slots * _SLOT_BYTES + _ENGINE_BYTES


def claims_are_served(manifests: Manifests) -> Iterator[str]:
    """Each claim is one device of NVIDIA's classes, with a driver for PyTorch's CUDA, and enough memory."""
    for workload, container, settings in engines_that_load(manifests):
        defined = [each["name"] for each in workload.pod.get("resourceClaims", [])]
        used = [each["name"] for each in container.spec["resources"].get("claims", [])]
        for name in set(defined) ^ set(used):
            where = "pod" if name in used else container.name
            yield f"{workload.name}: the claim {name} is not in its {where}"
        for request in requests_of(manifests, workload, container):
            yield from (f"{workload.name}: {each}" for each in _of_request(request, device_bytes(settings)))
    for item in manifests.of_kind("ResourceClaim"):
        yield f"{title(item)}: one claim for all pods; a template makes one for each"


def _of_request(request: Object, needed: int) -> Iterator[str]:
    exactly = request.get("exactly", {})
    if exactly.get("deviceClassName") not in _CLASSES:
        yield f"no driver serves {exactly.get('deviceClassName')}"
    if exactly.get("allocationMode", "ExactCount") != "ExactCount" or exactly.get("count", 1) != 1:
        yield "claims more than one GPU; a server uses one"
    expression = " ".join(each["cel"]["expression"] for each in exactly.get("selectors", []))
    if f'cudaDriverVersion.compareTo(semver("{CUDA_VERSION}.0")) >= 0' not in expression:
        yield f"may get a GPU whose driver does not know CUDA {CUDA_VERSION}"
    memory = re.search(r'memory\.compareTo\(quantity\("(\d+)Gi"\)\) >= 0', expression)
    if memory is None or int(memory[1]) * 1024**3 < needed:
        yield f"may get a GPU with less than {needed / 1e9:.1f} GB"


def threads_have_cores(manifests: Manifests) -> Iterator[str]:
    """Every front process has a core, and the engine; no process starts threads for cores that others use."""
    for workload, container, settings in engines_that_load(manifests):
        asked = cores(container.spec["resources"]["requests"].get("cpu", "0"))
        fronts = settings.front_processes if container.is_server else 1
        processes = fronts + 1 if fronts > 1 else 1
        threads = int(manifests.environment(container).get("OMP_NUM_THREADS", "0")) or 1000
        if processes > asked or threads * processes > max(asked, 1):
            yield f"{workload.name}: {processes} processes of {threads} threads on {asked:g} cores"
        if fronts > 1 and settings.host.startswith("unix:"):
            yield f"{workload.name}: front processes cannot share the socket"
        if fronts > 1 and settings.max_streams / fronts > _MOST_STREAMS_A_PROCESS:
            yield f"{workload.name}: {settings.max_streams / fronts:g} streams for each front process"


def cores(quantity: str | int) -> float:
    """A quantity of processors."""
    text = str(quantity)
    return int(text[:-1]) / 1000 if text.endswith("m") else float(text)


def _is_gpu(resource: str) -> bool:
    return resource == GPU or resource.startswith("nvidia.com/mig-")


def _tolerates(toleration: Object, taint: Object) -> bool:
    """As the scheduler matches them."""
    if toleration.get("effect") not in (None, taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, taint["key"])
    return (toleration.get("key"), toleration.get("value")) == (taint["key"], taint["value"])
