"""The guard of ``serve``: what it needs, and what it stands in front of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from translate_svc.cli.descriptors import connections_within_limit
from translate_svc.cli.guard.doors import Behind, guarded
from translate_svc.cli.guard.envoy.process import find_envoy
from translate_svc.cli.guard.guard import Guard
from translate_svc.cli.guard.guard_choice import INSTALL
from translate_svc.cli.guard.limits import GuardLimits, HttpLimits
from translate_svc.cli.guard.options import Door, GuardOptions
from translate_svc.cli.interrupts import temporary_folder
from translate_svc.cli.transports import listen_addresses
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument
from translate_svc.serving.tls_files import TlsFiles

_PREFIX = "translate-svc-guard-"
_SHARES = 4
"""Of the descriptors that Envoy may have: one for a connection of gRPC, two for one of HTTP, one in hand."""
_REQUESTS = 4
"""Over HTTP, that an address may begin for each call over gRPC."""


def refuse_unguardable(settings: Settings) -> None:
    """Checks whether the guard can be had, if ``settings`` ask for it.

    Raises:
        InvalidArgument: it cannot. Names ``guard``.
    """
    if settings.guard != "on":
        return
    if not guarded(listen_addresses(settings)):
        raise InvalidArgument("needs a port to listen on, and host is a Unix socket", field="guard")
    _envoy()


@contextmanager
def guarding(settings: Settings, on_lost: Callable[[], None]) -> Iterator[tuple[Behind, Guard] | None]:
    """The guard and what stands behind it; None without one. ``on_lost``: as of ``Guard``.

    Raises:
        InvalidArgument: there is no Envoy, or the TLS files cannot be used. Names the setting.
    """
    if settings.guard != "on":
        yield None
        return
    addresses = guarded(listen_addresses(settings))
    with temporary_folder(_PREFIX) as folder:
        behind = Behind(str(folder), tuple(addresses))
        fronts = range(max(1, settings.front_processes))
        doors = tuple(
            Door(name, each.host, each.port, tuple(behind.socket(name, index) for index in fronts))
            for name, each in addresses.items()
        )
        limits, http_limits = _limits(settings, shares=_SHARES if "http" in addresses else 1)
        options = GuardOptions(doors, folder, tls=_tls(settings), limits=limits, http_limits=http_limits)
        yield behind, Guard(_envoy(), options, on_lost)


def _limits(settings: Settings, *, shares: int) -> tuple[GuardLimits, HttpLimits]:
    """The operator's own, where a setting is about the same. A connection takes one of ``shares``."""
    grpc, http = GuardLimits(), HttpLimits()
    most = connections_within_limit(shares * grpc.max_connections) // shares
    grpc = dataclasses.replace(
        grpc,
        max_connections=min(most, grpc.max_connections),
        ping_interval_s=settings.keepalive_time_ms / 1000,
        ping_timeout_s=settings.ping_timeout_ms / 1000,
        calls_per_s=settings.guard_calls_per_s,
    )
    return grpc, dataclasses.replace(
        http,
        max_connections=min(most, http.max_connections),
        requests_per_s=_REQUESTS * settings.guard_calls_per_s,
    )


def _tls(settings: Settings) -> TlsFiles | None:
    if not settings.tls_certificate:
        return None
    client_ca = Path(settings.tls_client_ca) if settings.tls_client_ca else None
    return TlsFiles(Path(settings.tls_certificate), Path(settings.tls_key), client_ca)


def _envoy() -> str:
    program = find_envoy()
    if program is None:
        raise InvalidArgument(f"needs Envoy: {INSTALL}, or an `envoy` on the PATH", field="guard")
    return program
