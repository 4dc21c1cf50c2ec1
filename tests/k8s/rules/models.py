"""Checkpoints: how they get onto a volume, who may read it, and what they weigh."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.k8s.manifests import ROOT, SERVER_IMAGE, Container, Manifests, Object, Workload, title
from tests.k8s.rules.settings import engines_that_load

_GIB = 1024**3
_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": _GIB, "Ti": 1024**4, "k": 1000, "M": 10**6, "G": 10**9}
_PUBLISHED_BYTES = {"facebook/seamless-m4t-v2-large": 9_240_000_000}
"""The weights of checkpoints that are pulled: the sum of their safetensors files."""

_INT8_BYTES = {"facebook/seamless-m4t-v2-large": 2_900_000_000}
"""What the same take in their int8 form."""

_RUNTIME_BYTES = _GIB
"""PyTorch, the libraries and the service without a model."""

_FRONT_BYTES = 256 * 1024**2
"""A front process: 114 MB when it has started, as measured, and what it holds for its streams."""


def memory_holds_the_weights(manifests: Manifests) -> Iterator[str]:
    """A server reads its weights through host memory. The volume holds them, and a second version."""
    for workload, container, settings in engines_that_load(manifests):
        weights = _INT8_BYTES.get(settings.model, 0) if settings.dtype == "int8" else 0
        weights = weights or weight_bytes(settings.model)
        resources = container.spec.get("resources", {})
        for kind in ("requests", "limits"):
            given = size_bytes(resources.get(kind, {}).get("memory", "0"))
            fronts = settings.front_processes if container.is_server and settings.front_processes > 1 else 0
            if given < weights + _RUNTIME_BYTES + fronts * _FRONT_BYTES:
                yield f"{workload.name}: {kind} {given / _GIB:.0f}Gi for {weights / 1e9:.1f} GB of weights"
        claim = _claim_of(manifests, workload, container.mount_of(settings.model_cache))
        if claim is not None:
            storage = size_bytes(claim["spec"]["resources"]["requests"]["storage"])
            if storage < 2 * weights:
                yield f"{title(claim)}: {storage / _GIB:.0f}Gi for two versions of {weights / 1e9:.1f} GB"


def models_are_verified_last(manifests: Manifests) -> Iterator[str]:
    """What writes a model comes before what verifies it, and that before what serves it."""
    for workload, server, settings in engines_that_load(manifests):
        order = [each.name for each in workload.containers]
        volume = (server.mount_of(settings.model_cache) or {}).get("name")
        verifiers = [each for each in workload.containers if _verifies(each)]
        if not verifiers:
            yield f"{workload.name}: nothing verifies the model"
        for verifier in verifiers:
            model = _expanded(verifier.spec["args"][2:], manifests.environment(verifier))
            if model != [settings.model]:
                yield f"{workload.name}: {verifier.name} verifies {model}, not {settings.model}"
            mount = verifier.mount_of(settings.model_cache)
            if mount is None or mount["name"] != volume:
                yield f"{workload.name}: {verifier.name} looks at another volume"
            if order.index(verifier.name) > order.index(server.name):
                yield f"{workload.name}: {verifier.name} starts after {server.name}"
            for each in workload.containers:
                writes = any(
                    mount["name"] == volume and not mount.get("readOnly")
                    for mount in each.spec.get("volumeMounts", [])
                )
                if writes and order.index(each.name) > order.index(verifier.name):
                    yield f"{workload.name}: {each.name} writes after {verifier.name} has looked"


def weight_bytes(model: str) -> int:
    """What a checkpoint's weights take: of the starter its files, of others the published sizes."""
    folder = ROOT / "model_cache" / model
    if folder.is_dir():
        return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return _PUBLISHED_BYTES[model]


def size_bytes(quantity: str | int) -> int:
    """A quantity of memory or storage."""
    text = str(quantity)
    unit = next((unit for unit in _UNITS if text.endswith(unit)), "")
    return int(float(text.removesuffix(unit)) * _UNITS.get(unit, 1))


def _expanded(arguments: list[str], environment: dict[str, str]) -> list[str]:
    """With ``$(NAME)`` replaced as the kubelet does it: an unknown name stays as it is."""
    return [
        re.sub(r"\$\((\w+)\)", lambda match: environment.get(match[1], match[0]), each) for each in arguments
    ]


def _verifies(container: Container) -> bool:
    return container.image == SERVER_IMAGE and container.spec.get("args", [])[:2] == ["models", "verify"]


def _claim_of(manifests: Manifests, workload: Workload, mount: Object | None) -> Object | None:
    """The claim behind a mount, if it is one."""
    for volume in workload.pod.get("volumes", []):
        if mount is not None and volume["name"] == mount["name"] and "persistentVolumeClaim" in volume:
            return manifests.find("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
    return None
