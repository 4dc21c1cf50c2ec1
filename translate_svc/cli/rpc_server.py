"""From settings to the gRPC server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc.addresses import is_local
from translate_svc.config import Settings

if TYPE_CHECKING:
    from translate_svc.rpc.protocols import Service
    from translate_svc.rpc.server import RpcServer

_log = logging.getLogger(__name__)


def rpc_server_maker(settings: Settings) -> Callable[[Service], RpcServer]:
    """Makes the server that ``settings`` describe, not started.

    What is wrong with them is found here and now, before a model is loaded.

    Raises:
        InvalidArgument: an address off loopback without TLS, a file that cannot be used. Names the field.
    """
    # here, for it needs the extra "server", and the other commands do not
    from translate_svc.rpc.options import RpcOptions
    from translate_svc.rpc.server import RpcServer, refuse_plaintext
    from translate_svc.rpc.tls import TlsFiles, server_credentials
    from translate_svc.session.auth import ApiKeys

    options = RpcOptions(
        address=settings.address,
        insecure=settings.insecure,
        keepalive_time_ms=settings.keepalive_time_ms,
        keepalive_timeout_ms=settings.keepalive_timeout_ms,
        ping_timeout_ms=settings.ping_timeout_ms,
    )
    credentials = None
    if settings.tls_certificate:
        client_ca = Path(settings.tls_client_ca) if settings.tls_client_ca else None
        credentials = server_credentials(
            TlsFiles(Path(settings.tls_certificate), Path(settings.tls_key), client_ca)
        )
    refuse_plaintext(options, credentials)
    keys = ApiKeys(Path(settings.api_keys)) if settings.api_keys else None
    if keys is not None and credentials is None and not is_local(settings.address):
        _log.warning("API keys arrive in plaintext: whoever sees the network sees them")
    return lambda service: RpcServer(service, options, credentials, keys)
