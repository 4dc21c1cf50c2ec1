"""``--guard auto``: whether a server needs a guard, and whether it can have one."""

from __future__ import annotations

import dataclasses
import logging

from translate_svc.addresses import is_local
from translate_svc.cli.guard.doors import guarded
from translate_svc.cli.guard.envoy.process import find_envoy
from translate_svc.cli.transports import listen_addresses
from translate_svc.config import Settings

INSTALL = "pip install 'translate-svc[guard]'"
"""What brings Envoy."""

_RISK = (
    "one connection can slow all others down, and take memory for good, with frames that Python cannot bound"
)
_log = logging.getLogger(__name__)


def with_guard(settings: Settings, *, by_certificate: bool) -> Settings:
    """``settings`` with the guard ``on`` or ``off``. The log says why, where it is not as the operator said.

    ``auto`` is on where others than this machine can connect, unless there is no Envoy, or callers are known
    by the certificates that it would keep from the server (``by_certificate``).
    """
    if settings.guard != "auto":
        return settings
    reached = [str(each) for each in guarded(listen_addresses(settings)).values() if not is_local(str(each))]
    if not reached:
        return dataclasses.replace(settings, guard="off")
    if find_envoy() is None:
        _log.warning(
            "%s: %s brings Envoy, which then stands in front; --guard off where another proxy does",
            _RISK,
            INSTALL,
        )
        return dataclasses.replace(settings, guard="off")
    if by_certificate:
        _log.warning(
            "%s: the server sees the certificates of callers only without a guard, so none stands in front; "
            "know them by keys, or say --guard off where a proxy does",
            _RISK,
        )
        return dataclasses.replace(settings, guard="off")
    _log.info(
        "Envoy stands in front, since others can reach %s (--guard off declines it)", " and ".join(reached)
    )
    return dataclasses.replace(settings, guard="on")
