"""The restricted Pod Security Standard, and what goes beyond it: images, Secrets."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from tests.k8s.manifests import ROOT, SERVER_IMAGE, Container, Manifests, Workload

_OURS = (SERVER_IMAGE, f"{SERVER_IMAGE}-starter")

_ENFORCE = "pod-security.kubernetes.io/enforce"
_RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def pods_are_restricted(manifests: Manifests) -> Iterator[str]:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, and no token, no writing."""
    for item in manifests.of_kind("Namespace"):
        if item["metadata"].get("labels", {}).get(_ENFORCE) != "restricted":
            yield f"Namespace/{item['metadata']['name']}: does not enforce the restricted standard"
    for item in manifests.of_kind("ServiceAccount"):
        if item.get("automountServiceAccountToken", True):
            yield f"ServiceAccount/{item['metadata']['name']}: mounts a token"
    for workload in manifests.workloads:
        yield from _of_pod(workload)
        for container in workload.containers:
            for complaint in _of_container(container):
                yield f"{workload.name}: {container.name} {complaint}"


def _of_pod(workload: Workload) -> Iterator[str]:
    pod, context = workload.pod, workload.pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield f"{workload.name}: may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{workload.name}: has no seccomp profile"
    if pod.get("automountServiceAccountToken", True):
        yield f"{workload.name}: mounts a token"
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield f"{workload.name}: {key}"
    for volume in pod.get("volumes", []):
        if not set(volume) - {"name"} <= _RESTRICTED_VOLUMES:
            yield f"{workload.name}: the volume {volume['name']} is of a kind that is not allowed"


def _of_container(container: Container) -> Iterator[str]:
    context = container.spec.get("securityContext", {})
    if context.get("allowPrivilegeEscalation", True):
        yield "may gain privileges"
    if "ALL" not in context.get("capabilities", {}).get("drop", []) or context["capabilities"].get("add"):
        yield "keeps capabilities"
    if not context.get("readOnlyRootFilesystem"):
        yield "may write to its root filesystem"
    if context.get("privileged") or context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        yield "undoes what its pod says"


def secrets_can_be_read(manifests: Manifests) -> Iterator[str]:
    """A Secret's files belong to root and fsGroup. They follow the Secret only where it is mounted whole."""
    for workload in manifests.workloads:
        secrets = {
            each["name"]: each["secret"] for each in workload.pod.get("volumes", []) if "secret" in each
        }
        group = workload.pod.get("securityContext", {}).get("fsGroup")
        for name, secret in secrets.items():
            mode = secret.get("defaultMode", 0o644)
            if not mode & 0o004 and (group is None or not mode & 0o040):
                yield f"{workload.name}: the files of {name} have mode {mode:04o}, and fsGroup {group}"
            if mode & 0o007 & ~0o004 or mode & 0o022:
                yield f"{workload.name}: others may write the files of {name}"
        for container in workload.containers:
            for mount in container.spec.get("volumeMounts", []):
                if mount["name"] in secrets and ("subPath" in mount or "subPathExpr" in mount):
                    yield f"{workload.name}: {mount['name']} by subPath never sees a renewed Secret"


def images_are_pinned(manifests: Manifests) -> Iterator[str]:
    """A registry and a tag for each, never ``latest``; ours is this version's."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    for workload in manifests.workloads:
        for container in workload.containers:
            registry, slash, _ = container.image.partition("/")
            # without a host it is whatever somebody has put under that name on Docker Hub
            if not slash or not {".", ":"} & set(registry):
                yield f"{workload.name}: {container.name} names no registry for {container.image}"
            if container.tag in ("", "latest"):
                yield f"{workload.name}: {container.name} runs whatever {container.spec['image']} is today"
            elif container.image in _OURS and container.tag.partition("-")[0] != version:
                yield f"{workload.name}: {container.name} runs {container.tag}, this is {version}"
