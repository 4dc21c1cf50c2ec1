"""How many front processes a server has where its operator does not say it."""

from __future__ import annotations

import dataclasses
import logging

from translate_svc.cli.ports import can_be_shared
from translate_svc.cli.transports import listen_addresses
from translate_svc.config import Settings

GPU_FRONTS = 4
"""Python starts a GPU's kernels. An event loop that is busy in the same process doubles the time of that."""

_log = logging.getLogger(__name__)


def with_front_processes(settings: Settings) -> Settings:
    """``settings`` with a number of front processes. It may load PyTorch: call it off the event loop.

    Raises:
        InvalidArgument: this machine has no such device.
    """
    if settings.front_processes:
        return settings
    count = 1
    if settings.device != "cpu" and all(map(can_be_shared, listen_addresses(settings).values())):
        from translate_svc.models.placement import resolve_device

        device = resolve_device(settings.device)
        if device != "cpu":
            count = GPU_FRONTS
            _log.info("%d front processes, since the engine computes on %s", count, device)
    return dataclasses.replace(settings, front_processes=count)
