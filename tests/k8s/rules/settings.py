"""The environment of a server, read as the server reads it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from tests.k8s.coming import Serving, load_serving
from tests.k8s.manifests import Container, Manifests, Workload
from translate_svc.errors import TranslateSvcError


def servers_accept_their_settings(manifests: Manifests) -> Iterator[str]:
    """``Settings.load`` takes the rendered environment, and nothing else of the cluster gets into it."""
    for workload in manifests.workloads:
        if workload.server is None:
            continue
        try:
            load_serving(manifests.environment(workload.server))
        except (TranslateSvcError, ValueError) as error:
            yield f"{workload.name}: {error}"
        # a Service translate-svc injects TRANSLATE_SVC_PORT=tcp://...
        if workload.pod.get("enableServiceLinks", True):
            yield f"{workload.name}: service links would inject variables of the server's own prefix"


def traffic_is_protected(manifests: Manifests) -> Iterator[str]:
    """Off loopback a server has a certificate or says that it is insecure, and never both."""
    for workload, _, serving in servers_that_load(manifests):
        local = serving.settings.host.startswith("unix:") or is_loopback(serving.settings.host)
        if not local and not serving.tls_certificate and not serving.settings.insecure:
            yield f"{workload.name}: plaintext off loopback; it would refuse to start"
        if serving.settings.insecure and serving.tls_certificate:
            yield f"{workload.name}: has a certificate and allows plaintext"
        if bool(serving.tls_certificate) != bool(serving.tls_key):
            yield f"{workload.name}: a certificate needs its key, and the other way round"
        for policy in manifests.of_kind("BackendTLSPolicy"):
            if not serving.tls_certificate:
                yield f"BackendTLSPolicy/{policy['metadata']['name']}: {workload.name} serves plaintext"


def paths_are_mounted(manifests: Manifests) -> Iterator[str]:
    """Every path in the settings lies in a mount: the root filesystem holds none of them."""
    for workload, container, serving in servers_that_load(manifests):
        for name in ("tls_certificate", "tls_key", "tls_client_ca", "api_keys"):
            path = getattr(serving, name)
            if path and container.mount_of(path) is None:
                yield f"{workload.name}: {name} {path} is in no mount"
        mount = container.mount_of(serving.settings.model_cache)
        if mount is None:
            yield f"{workload.name}: model_cache {serving.settings.model_cache} is in no mount"
        elif not mount.get("readOnly"):
            yield f"{workload.name}: the model cache can be written by the server"
        if serving.settings.host.startswith("unix:"):
            yield from _socket(workload, container, serving.settings.host.removeprefix("unix:"))
        if container.mount_of("/tmp") is None:
            yield f"{workload.name}: no /tmp to write to"


def is_loopback(host: str) -> bool:
    """Whether only the pod itself reaches this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def servers_that_load(manifests: Manifests) -> Iterator[tuple[Workload, Container, Serving]]:
    """The servers; those whose settings are refused are another rule's."""
    for workload in manifests.workloads:
        if workload.server is not None:
            try:
                serving = load_serving(manifests.environment(workload.server))
            except (TranslateSvcError, ValueError):
                continue
            yield workload, workload.server, serving


def _socket(workload: Workload, container: Container, path: str) -> Iterator[str]:
    mount = container.mount_of(path)
    if mount is None:
        yield f"{workload.name}: the socket {path} is in no mount"
    elif mount.get("readOnly"):
        yield f"{workload.name}: the socket {path} cannot be made in a read-only mount"
