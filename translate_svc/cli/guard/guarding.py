"""``serve --guard`` as settings: what it needs, and those of the server behind it."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from translate_svc.cli.descriptors import connections_within_limit
from translate_svc.cli.guard.envoy_process import find_envoy
from translate_svc.cli.guard.guard import Guard
from translate_svc.cli.guard.guard_choice import INSTALL
from translate_svc.cli.guard.limits import GuardLimits
from translate_svc.cli.guard.options import GuardOptions
from translate_svc.cli.interrupts import remove_leftovers, temporary_folder
from translate_svc.cli.ports import ListenAddress
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument
from translate_svc.serving.tls_files import TlsFiles

_UNIX = "unix:"
_PREFIX = "translate-svc-guard-"


def refuse_unguardable(settings: Settings) -> None:
    """Checks the operator's settings, whether the guard can be had if they ask for it.

    Raises:
        InvalidArgument: it cannot. Names ``guard``.
    """
    if settings.guard == "on" and settings.host.startswith(_UNIX):
        raise InvalidArgument("needs a port to listen on, and host is a Unix socket", field="guard")
    if settings.guard == "on":
        _envoy()


def is_behind(settings: Settings) -> bool:
    """Whether these are the settings of a server behind a guard, where TLS has ended already."""
    return settings.guard == "on" and settings.host.startswith(_UNIX)


def has_sockets(settings: Settings, address: ListenAddress) -> bool:
    """Whether each front process listens at a socket of its own, not all of them at ``address``."""
    return is_behind(settings) and address.host == settings.host


def of_front(settings: Settings, index: int) -> Settings:
    """The settings of a front process: behind a guard each has a socket of its own."""
    if not is_behind(settings):
        return settings
    return dataclasses.replace(settings, host=f"{_UNIX}{_socket(Path(settings.host[len(_UNIX) :]), index)}")


@contextmanager
def guarding(settings: Settings, on_lost: Callable[[], None]) -> Iterator[tuple[Settings, Guard | None]]:
    """The settings of the server behind the guard, and the guard; without one: ``settings``, None.

    Those of front processes are to be passed through ``of_front``. ``on_lost``: as of ``Guard``.

    Raises:
        InvalidArgument: there is no Envoy, or the TLS files cannot be used. Names the setting.
    """
    if settings.guard != "on":
        yield settings, None
        return
    remove_leftovers(Path(tempfile.gettempdir()), f"{_PREFIX}*")
    with temporary_folder(_PREFIX) as folder:
        sockets = tuple(_socket(folder, index) for index in range(max(1, settings.front_processes)))
        options = GuardOptions(
            settings.host, settings.port, folder, sockets, tls=_tls(settings), limits=_limits(settings)
        )
        behind = dataclasses.replace(settings, host=f"{_UNIX}{folder}")
        if len(sockets) == 1:
            behind = of_front(behind, 0)
        yield behind, Guard(_envoy(), options, on_lost)


def _limits(settings: Settings) -> GuardLimits:
    """The operator's own, where a setting is about the same."""
    return GuardLimits(
        max_connections=connections_within_limit(GuardLimits().max_connections),
        ping_interval_s=settings.keepalive_time_ms / 1000,
        ping_timeout_s=settings.ping_timeout_ms / 1000,
    )


def _tls(settings: Settings) -> TlsFiles | None:
    if not settings.tls_certificate:
        return None
    client_ca = Path(settings.tls_client_ca) if settings.tls_client_ca else None
    return TlsFiles(Path(settings.tls_certificate), Path(settings.tls_key), client_ca)


def _socket(folder: Path, index: int) -> Path:
    return folder / f"grpc-{index}.sock"


def _envoy() -> str:
    program = find_envoy()
    if program is None:
        raise InvalidArgument(f"needs Envoy: {INSTALL}, or an `envoy` on the PATH", field="guard")
    return program
