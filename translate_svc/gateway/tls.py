"""TLS of the HTTP server, with files that may be replaced while the server runs."""

from __future__ import annotations

import ssl
from typing import Any

from translate_svc.errors import InvalidArgument
from translate_svc.serving.tls_files import CurrentTls, TlsFiles


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """A context that follows the files: each new connection uses the current certificate.

    Raises:
        InvalidArgument: the files cannot be used now. The field is ``tls_certificate``, ``tls_key`` or
            ``tls_client_ca``.
    """
    context = _FollowingContext(ssl.PROTOCOL_TLS_SERVER)
    context.follow(files)
    return context


class _FollowingContext(ssl.SSLContext):
    """Hands each connection to a context that was made of the current files.

    asyncio asks a context for nothing but ``wrap_bio``, once for each connection.
    """

    def follow(self, files: TlsFiles) -> None:
        """Uses ``files`` from now on."""
        self._current = CurrentTls(files, _context)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Implements ``ssl.SSLContext.wrap_bio``."""
        self._current.renew()
        return self._current.value.wrap_bio(*arguments, **options)


def _context(files: TlsFiles) -> ssl.SSLContext:
    contents = files.read()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ssl.SSLError):  # a file was replaced since it was read
        raise InvalidArgument("changed while it was read", field="tls_certificate") from None
    if contents.client_ca is not None:
        context.load_verify_locations(cadata=contents.client_ca.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    return context
