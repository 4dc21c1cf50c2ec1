"""Probes against what the admin port serves."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Container, Manifests
from tests.k8s.rules.settings import is_loopback, servers_that_load

_PATHS = {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}
"""Never /readyz for liveness: a server that drains would be killed for it."""


def probes_ask_what_is_served(manifests: Manifests) -> Iterator[str]:
    """Each probe asks the admin port, at an address that the kubelet reaches, for the path that is meant."""
    for workload, container, settings in servers_that_load(manifests):
        if not settings.admin:
            yield f"{workload.name}: no admin port to probe"
        if is_loopback(settings.admin_host):
            yield f"{workload.name}: the admin port is on loopback, where the kubelet does not reach it"
        for kind, path in _PATHS.items():
            probe = container.spec.get(kind)
            if probe is None:
                # the readiness of a sidecar gates the whole pod; its startupProbe has done that already
                if kind != "readinessProbe" or not _is_sidecar(container):
                    yield f"{workload.name}: no {kind}"
                continue
            asked = probe.get("httpGet", {})
            port = container.port_names.get(asked.get("port"), asked.get("port"))
            if port != settings.admin_port:
                yield f"{workload.name}: {kind} asks port {asked.get('port')}, not the admin port"
            if asked.get("path") != path:
                yield f"{workload.name}: {kind} asks {asked.get('path')}, not {path}"
            if probe.get("timeoutSeconds", 1) > probe.get("periodSeconds", 10) and kind == "livenessProbe":
                yield f"{workload.name}: {kind} overlaps with itself"


def _is_sidecar(container: Container) -> bool:
    return container.kind == "sidecar"
