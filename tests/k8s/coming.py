"""What the server is about to have and the manifests rely on. The list empties itself as its names arrive."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from translate_svc.config import ENVIRONMENT_PREFIX, Settings

_COMING: dict[str, Any] = {
    "admin_host": "127.0.0.1",
    "admin_port": 9090,
    "tls_certificate": "",
    "tls_key": "",
    "tls_client_ca": "",
    "api_keys": "",
}
"""Settings by name, with their defaults."""

ADMIN_PORT_IS_SERVED = "admin_port" in {field.name for field in fields(Settings)}


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server does with its environment."""

    settings: Settings
    admin_host: str
    admin_port: int
    tls_certificate: str
    tls_key: str
    tls_client_ca: str
    api_keys: str


def load_serving(environment: dict[str, str]) -> Serving:
    """Reads ``environment`` as ``translate-svc serve`` does.

    Raises:
        TranslateSvcError: the server would refuse it.
    """
    known = {field.name for field in fields(Settings)}
    later = {name: default for name, default in _COMING.items() if name not in known}
    given = {
        name: environment.get(ENVIRONMENT_PREFIX + name.upper(), default) for name, default in later.items()
    }
    read = {
        name: value
        for name, value in environment.items()
        if name.removeprefix(ENVIRONMENT_PREFIX).lower() not in later
    }
    settings = Settings.load({}, read)
    values = {name: given[name] if name in later else getattr(settings, name) for name in _COMING}
    values["admin_port"] = int(values["admin_port"])
    return Serving(settings=settings, **{name: value or "" for name, value in values.items()})
