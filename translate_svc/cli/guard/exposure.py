"""What a server risks that strangers can reach: a line in the log for each, with the way out of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from translate_svc.addresses import is_local
from translate_svc.config import Settings

if TYPE_CHECKING:
    from translate_svc.access.callers import Callers
    from translate_svc.cli.ports import ListenAddress

_log = logging.getLogger(__name__)


def warn_of_exposure(settings: Settings, addresses: Iterable[ListenAddress], callers: Callers) -> None:
    """Warns of what servers at ``addresses`` let others do, unless all of them stay on this machine."""
    reached = [str(each) for each in addresses if not is_local(str(each))]
    if not reached:
        return
    if not callers.required and not settings.tls_client_ca:
        _log.warning(
            "callers are not asked who they are: whoever reaches %s can use the server; "
            "--api-keys, --callers or --tls-client-ca lets in whom you know",
            " and ".join(reached),
        )
    if callers.required and not settings.tls_certificate:
        _log.warning("API keys and tokens arrive in plaintext: anyone on the network can read them")
