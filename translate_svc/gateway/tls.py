"""TLS of the HTTP server, with files that may be replaced while the server runs."""

from __future__ import annotations

import logging
import ssl
from typing import Any

from translate_svc.errors import InvalidArgument
from translate_svc.serving.tls_files import TlsFiles

_log = logging.getLogger(__name__)


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """A context that follows the files: each new connection uses the current certificate.

    If the files cannot be used when they have changed, this is logged once and the previous certificate stays
    in use: a renewal replaces one file after the other.

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
        self._files = files
        self._stamp = files.stamp()
        self._current = _context(files)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Implements ``ssl.SSLContext.wrap_bio``."""
        try:
            stamp = self._files.stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                self._current = _context(self._files)
                _log.info("the certificate was read again")
        except InvalidArgument as error:
            _log.error("%s; the certificate read before stays in use", error)
        return self._current.wrap_bio(*arguments, **options)


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
