"""Which images run."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from tests.k8s.manifests import ROOT, Manifests

_OURS = ("translate-svc", "translate-svc-starter")


def images_are_pinned(manifests: Manifests) -> Iterator[str]:
    """A tag on each, never ``latest``; ours is this version's."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    for workload in manifests.workloads:
        for container in workload.containers:
            tag = str(container.spec["image"]).partition("@")[0].partition(":")[2]
            if tag in ("", "latest"):
                yield f"{workload.name}: {container.name} runs whatever {container.spec['image']} is today"
            elif container.image in _OURS and tag.partition("-")[0] != version:
                yield f"{workload.name}: {container.name} runs {tag}, this is {version}"
