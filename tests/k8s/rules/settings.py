"""The environment of a server, read as the server reads it."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator

from tests.k8s.manifests import Container, Manifests, Workload, matches
from translate_svc.config import Settings
from translate_svc.errors import TranslateSvcError


def servers_accept_their_settings(manifests: Manifests) -> Iterator[str]:
    """``Settings.load`` takes the rendered environment, and nothing else of the cluster gets into it."""
    for workload in manifests.workloads:
        if workload.server is None:
            continue
        try:
            Settings.load({}, manifests.environment(workload.server))
        except TranslateSvcError as error:
            yield f"{workload.name}: {error}"
        # a Service translate-svc injects TRANSLATE_SVC_PORT=tcp://...
        if workload.pod.get("enableServiceLinks", True):
            yield f"{workload.name}: service links would inject variables of the server's own prefix"


def traffic_is_protected(manifests: Manifests) -> Iterator[str]:
    """Off loopback a server has a certificate or says that it is insecure, and never both."""
    for workload, _, settings in servers_that_load(manifests):
        local = settings.host.startswith("unix:") or is_loopback(settings.host)
        if not local and not settings.tls_certificate and not settings.insecure:
            yield f"{workload.name}: plaintext off loopback; it would refuse to start"
        if settings.insecure and settings.tls_certificate:
            yield f"{workload.name}: has a certificate and allows plaintext"
        for policy in manifests.of_kind("BackendTLSPolicy"):
            if not settings.tls_certificate:
                yield f"BackendTLSPolicy/{policy['metadata']['name']}: {workload.name} serves plaintext"


def callers_are_known_everywhere(manifests: Manifests) -> Iterator[str]:
    """A client secret is made by one pod and shown to another, so they share the keys."""
    for workload, _, settings in servers_that_load(manifests):
        if not settings.http:
            continue
        if is_loopback(settings.http.rpartition(":")[0]):
            yield f"{workload.name}: http {settings.http} is reached by nobody"
        if workload.object["spec"].get("replicas", 2) > 1 and not settings.resume_keys:
            yield f"{workload.name}: a client secret of one pod is refused by the others"


def servers_can_be_called(manifests: Manifests) -> Iterator[str]:
    """A container of a Service listens on more than loopback, which is the default."""
    for workload, _, settings in servers_that_load(manifests):
        served = any(
            matches({"matchLabels": item["spec"]["selector"]}, workload.labels)
            for item in manifests.of_kind("Service")
        )
        if served and (settings.host.startswith("unix:") or is_loopback(settings.host)):
            yield f"{workload.name}: has a Service and listens on {settings.host}"


def one_proxy_is_in_front(manifests: Manifests) -> Iterator[str]:
    """Pods start no Envoy of their own: the gateway stands in front of all, and policies keep others out."""
    for workload, _, settings in servers_that_load(manifests):
        if settings.guard != "off" and not settings.host.startswith("unix:"):
            yield f"{workload.name}: guard is {settings.guard}, so each pod may start an Envoy of its own"


def paths_are_mounted(manifests: Manifests) -> Iterator[str]:
    """Every path in the settings lies in a mount: the root filesystem holds none of them."""
    for workload, container, settings in servers_that_load(manifests):
        for name in ("tls_certificate", "tls_key", "tls_client_ca", "api_keys", "resume_keys"):
            path = getattr(settings, name)
            if path and container.mount_of(path) is None:
                yield f"{workload.name}: {name} {path} is in no mount"
        mount = container.mount_of(settings.model_cache)
        if mount is None:
            yield f"{workload.name}: model_cache {settings.model_cache} is in no mount"
        elif not mount.get("readOnly"):
            yield f"{workload.name}: the model cache can be written by the server"
        if settings.host.startswith("unix:"):
            yield from _socket(workload, container, settings.host.removeprefix("unix:"))
        if container.mount_of("/tmp") is None:
            yield f"{workload.name}: no /tmp to write to"


def is_loopback(host: str) -> bool:
    """Whether only the pod itself reaches this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def servers_that_load(manifests: Manifests) -> Iterator[tuple[Workload, Container, Settings]]:
    """The servers; those whose settings are refused are another rule's."""
    for workload in manifests.workloads:
        if workload.server is not None:
            try:
                settings = Settings.load({}, manifests.environment(workload.server))
            except TranslateSvcError:
                continue
            yield workload, workload.server, settings


def engines_that_load(manifests: Manifests) -> Iterator[tuple[Workload, Container, Settings]]:
    """Servers and batches, as ``servers_that_load``."""
    for workload in manifests.workloads:
        for container in workload.containers:
            if container.is_engine:
                with contextlib.suppress(TranslateSvcError):
                    yield workload, container, Settings.load({}, manifests.environment(container))


def _socket(workload: Workload, container: Container, path: str) -> Iterator[str]:
    mount = container.mount_of(path)
    if mount is None:
        yield f"{workload.name}: the socket {path} is in no mount"
    elif mount.get("readOnly"):
        yield f"{workload.name}: the socket {path} cannot be made in a read-only mount"
