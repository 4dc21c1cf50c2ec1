"""Native sidecars: started before their callers, stopped after them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Container, Manifests, Workload
from tests.k8s.rules.settings import servers_that_load


def sidecars_frame_their_callers(manifests: Manifests) -> Iterator[str]:
    """A server on a socket is a native sidecar that gates its callers and shares the socket with them."""
    for workload, container, settings in servers_that_load(manifests):
        host = settings.host
        if not host.startswith("unix:"):
            continue
        if container.kind != "sidecar":
            yield f"{workload.name}: {container.name} is no initContainer that restarts always"
        if "terminationGracePeriodSeconds" not in workload.pod:
            yield f"{workload.name}: a call is killed 30 s after its pod was deleted"
        if "startupProbe" not in container.spec:
            yield f"{workload.name}: the caller starts before {container.name} is ready"
        if "preStop" in container.spec.get("lifecycle", {}):
            yield f"{workload.name}: preStop of {container.name} runs while the caller still speaks"
        yield from _callers(workload, container, host)


def _callers(workload: Workload, container: Container, host: str) -> Iterator[str]:
    path = host.removeprefix("unix:")
    socket = container.mount_of(path)
    volumes = {volume["name"]: volume for volume in workload.pod["volumes"]}
    if socket is not None and "emptyDir" not in volumes[socket["name"]]:
        yield f"{workload.name}: the socket's volume outlives the pod"
    callers = [each for each in workload.containers if each.kind == "main"]
    if not any(_speaks(caller, host) for caller in callers):
        yield f"{workload.name}: no container is told of {host}"
    for caller in callers:
        mount = caller.mount_of(path)
        if _speaks(caller, host) and (mount or {}).get("name") != (socket or {}).get("name"):
            yield f"{workload.name}: {caller.name} does not see the socket"
        if caller.spec.get("securityContext", {}).get("runAsUser") is not None:
            yield f"{workload.name}: {caller.name} is another user, and may not connect to the socket"


def _speaks(caller: Container, host: str) -> bool:
    return host in [entry.get("value") for entry in caller.spec.get("env", [])]
