"""Names that must lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Manifests, Object, title
from tests.k8s.manual import MANUAL

_CLUSTER_WIDE = ("Namespace", "PriorityClass")


def names_are_found(manifests: Manifests) -> Iterator[str]:
    """ConfigMaps, claims, service accounts are in the render; what the operator brings is in the manual."""
    for owner, kind, name in _references(manifests):
        if manifests.find(kind, name) is None and not (_is_brought(kind) and f"`{name}`" in MANUAL):
            yield f"{owner}: no {kind} {name}, and the manual does not say where it comes from"


def namespaces_agree(manifests: Manifests) -> Iterator[str]:
    """Everything lies in the one namespace that the render makes."""
    names = {item["metadata"]["name"] for item in manifests.of_kind("Namespace")}
    if len(names) != 1:
        yield f"{len(names)} namespaces"
    for item in manifests.objects:
        if item["kind"] not in _CLUSTER_WIDE and item["metadata"].get("namespace") not in names:
            yield f"{title(item)}: namespace {item['metadata'].get('namespace')} is not made here"


def volumes_are_mounted(manifests: Manifests) -> Iterator[str]:
    """Mounts name volumes, volumes are mounted, and no two mounts of a container share a path."""
    for workload in manifests.workloads:
        volumes = [volume["name"] for volume in workload.pod.get("volumes", [])]
        used = {mount["name"] for each in workload.containers for mount in each.spec.get("volumeMounts", [])}
        for name in sorted(used - set(volumes)):
            yield f"{workload.name}: a mount of {name}, which is no volume"
        for name in sorted(set(volumes) - used):
            yield f"{workload.name}: nothing mounts the volume {name}"
        for container in workload.containers:
            mounts = container.spec.get("volumeMounts", [])
            if len(container.mounts) != len(mounts):
                yield f"{workload.name}: two mounts of {container.name} at one path"


def _is_brought(kind: str) -> bool:
    """Whether the operator makes it: certificates and keys never lie in a repository."""
    return kind in ("Secret", "ConfigMap", "GatewayClass", "RuntimeClass")


def _references(manifests: Manifests) -> Iterator[tuple[str, str, str]]:
    for workload in manifests.workloads:
        yield workload.name, "ServiceAccount", workload.pod.get("serviceAccountName", "default")
        for kind in ("PriorityClass", "RuntimeClass"):
            key = f"{kind[0].lower()}{kind[1:]}Name"
            if key in workload.pod:
                yield workload.name, kind, workload.pod[key]
        for claim in workload.pod.get("resourceClaims", []):
            yield workload.name, "ResourceClaimTemplate", claim["resourceClaimTemplateName"]
        for volume in workload.pod.get("volumes", []):
            yield from ((workload.name, kind, name) for kind, name in _of_volume(volume))
        for container in workload.containers:
            for source in container.spec.get("envFrom", []):
                yield workload.name, "ConfigMap", source["configMapRef"]["name"]
    for item in manifests.of_kind("Gateway"):
        yield title(item), "GatewayClass", item["spec"]["gatewayClassName"]
        if parameters := item["spec"].get("infrastructure", {}).get("parametersRef"):
            yield title(item), parameters["kind"], parameters["name"]
        for listener in item["spec"]["listeners"]:
            for certificate in listener.get("tls", {}).get("certificateRefs", []):
                yield title(item), certificate["kind"], certificate["name"]
    for item in manifests.of_kind("BackendTLSPolicy"):
        for authority in item["spec"]["validation"]["caCertificateRefs"]:
            yield title(item), authority["kind"], authority["name"]
    yield from _targets(manifests)


def _of_volume(volume: Object) -> Iterator[tuple[str, str]]:
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    if "secret" in volume:
        yield "Secret", volume["secret"]["secretName"]
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"]["name"]


def _targets(manifests: Manifests) -> Iterator[tuple[str, str, str]]:
    for item in manifests.of_kind("ScaledObject"):
        target = item["spec"]["scaleTargetRef"]
        yield title(item), target["kind"], target["name"]
    for item in manifests.objects:
        for target in item.get("spec", {}).get("targetRefs", []):
            yield title(item), target["kind"], target["name"]
    for item in manifests.of_kind("GRPCRoute", "HTTPRoute"):
        for parent in item["spec"]["parentRefs"]:
            yield title(item), "Gateway", parent["name"]
        for rule in item["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                yield title(item), "Service", backend["name"]
