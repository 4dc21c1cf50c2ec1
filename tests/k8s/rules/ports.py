"""Ports: what a server listens on, what the pod declares, and what others ask for."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Manifests, Object, Workload, matches, title
from tests.k8s.rules.settings import servers_that_load


def listeners_are_declared(manifests: Manifests) -> Iterator[str]:
    """A server's container declares exactly the ports that its settings open."""
    for workload, container, settings in servers_that_load(manifests):
        opened = {"admin": settings.admin_port}
        if not settings.host.startswith("unix:"):
            opened["grpc"] = settings.port
        if settings.http:
            opened["http"] = int(settings.http.rpartition(":")[2])
        if container.port_names != opened:
            yield f"{workload.name}: declares {container.port_names}, listens on {opened}"
    for workload in manifests.workloads:
        names = [name for container in workload.containers for name in container.port_names]
        if len(set(names)) != len(names):
            yield f"{workload.name}: a port name twice"


def ports_are_found(manifests: Manifests) -> Iterator[str]:
    """What Services, policies, monitors and routes name is there under that name."""
    for item in manifests.of_kind("Service"):
        for workload in _taken(manifests, {"matchLabels": item["spec"]["selector"]}):
            for port in item["spec"]["ports"]:
                yield from _check(title(item), port.get("targetPort", port["port"]), workload)
    for item in manifests.of_kind("NetworkPolicy"):
        for rule in item["spec"].get("ingress", []):
            for workload in _taken(manifests, item["spec"]["podSelector"]):
                for port in rule.get("ports", []):
                    yield from _check(title(item), port["port"], workload)
    yield from _of_services(manifests)


def _of_services(manifests: Manifests) -> Iterator[str]:
    for item in manifests.of_kind("ServiceMonitor"):
        for service in manifests.of_kind("Service"):
            if matches(item["spec"]["selector"], service["metadata"]["labels"]):
                names = {port["name"] for port in service["spec"]["ports"]}
                for endpoint in item["spec"]["endpoints"]:
                    if endpoint["port"] not in names:
                        yield f"{title(item)}: {title(service)} has no port {endpoint['port']}"
    for item in manifests.of_kind("GRPCRoute", "HTTPRoute"):
        for backend in (each for rule in item["spec"]["rules"] for each in rule["backendRefs"]):
            found = manifests.find("Service", backend["name"])
            if found and backend["port"] not in {port["port"] for port in found["spec"]["ports"]}:
                yield f"{title(item)}: {title(found)} has no port {backend['port']}"


def _check(owner: str, port: str | int, workload: Workload) -> Iterator[str]:
    declared = {
        name: number for container in workload.containers for name, number in container.port_names.items()
    }
    if port not in (declared if isinstance(port, str) else declared.values()):
        yield f"{owner}: {workload.name} has no port {port}"


def _taken(manifests: Manifests, selector: Object) -> list[Workload]:
    return [workload for workload in manifests.workloads if matches(selector, workload.labels)]
