"""The server's certificate, from files that may be replaced while the server runs."""

from __future__ import annotations

import logging
from typing import Any

import grpc

from translate_svc.errors import InvalidArgument
from translate_svc.serving.tls_files import TlsFiles

_log = logging.getLogger(__name__)


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that follow the files: each new connection uses the current certificate.

    gRPC asks before every handshake; open connections stay unchanged. If the files cannot be used at that
    time, this is logged once and the previous certificate stays in use: a renewal replaces one file after the
    other.

    Raises:
        InvalidArgument: the files cannot be used now. The field is ``tls_certificate``, ``tls_key`` or
            ``tls_client_ca``.
    """
    certificates = _Certificates(files)
    # None from the fetcher means "no change"; grpc-stubs does not allow it
    fetch: Any = certificates.renewed
    return grpc.dynamic_ssl_server_credentials(
        certificates.current, fetch, require_client_authentication=files.client_ca is not None
    )


class _Certificates:
    """The current certificate. gRPC calls ``renewed`` on its own threads, one at a time."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp = files.stamp()
        self.current = load(files)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """The certificate if the files have changed, otherwise None."""
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return None
            self._stamp = stamp
            self.current = load(self._files)
        except InvalidArgument as error:
            _log.error("%s; the certificate read before stays in use", error)
            return None
        _log.info("the certificate was read again")
        return self.current


def load(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    """The contents of the files, after a check that they are usable and belong together.

    Raises:
        InvalidArgument: they are not. The field is ``tls_certificate``, ``tls_key`` or ``tls_client_ca``.
    """
    contents = files.read()
    return grpc.ssl_server_certificate_configuration(
        [(contents.key, contents.certificate)], root_certificates=contents.client_ca
    )
