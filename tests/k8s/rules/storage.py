"""What a server writes: nothing but what lies in /tmp for a while."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Container, Manifests, Workload
from tests.k8s.rules.models import size_bytes
from tests.k8s.rules.settings import servers_that_load
from translate_svc.gateway.options import GatewayOptions

_OWN_BYTES = 64 * 1024**2
"""Sockets of front processes, and what libraries keep there."""


def tmp_holds_the_uploads(manifests: Manifests) -> Iterator[str]:
    """Files that callers send lie in /tmp. A pod that fills it is evicted, with all of its streams."""
    for workload, container, settings in servers_that_load(manifests):
        options = GatewayOptions()
        files = options.max_uploads * max(1, settings.front_processes) if settings.http else 0
        needed = files * options.max_file_bytes + _OWN_BYTES
        given = _tmp_bytes(workload, container)
        if given < needed:
            yield f"{workload.name}: {given >> 20} MiB of /tmp for {files} uploads, {needed >> 20} MiB"


def _tmp_bytes(workload: Workload, container: Container) -> int:
    name = (container.mount_of("/tmp") or {}).get("name")
    for volume in workload.pod.get("volumes", []):
        if volume["name"] == name:
            return size_bytes(volume.get("emptyDir", {}).get("sizeLimit", "0"))
    return 0
