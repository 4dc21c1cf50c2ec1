"""The server's certificate, from files that may be replaced while the server runs."""

from __future__ import annotations

from typing import Any

import grpc

from translate_svc.serving.tls_files import CurrentTls, TlsFiles


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that follow the files: each new connection uses the current certificate.

    gRPC asks before every handshake; open connections stay unchanged.

    Raises:
        InvalidArgument: the files cannot be used now. The field is ``tls_certificate``, ``tls_key`` or
            ``tls_client_ca``.
    """
    certificate = CurrentTls(files, load)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        """Called on gRPC's threads, one at a time. None means "no change"."""
        return certificate.value if certificate.renew() else None

    fetch: Any = renewed  # grpc-stubs does not allow None
    return grpc.dynamic_ssl_server_credentials(
        certificate.value, fetch, require_client_authentication=files.client_ca is not None
    )


def load(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    """The contents of the files, after a check that they are usable and belong together.

    Raises:
        InvalidArgument: they are not. The field is ``tls_certificate``, ``tls_key`` or ``tls_client_ca``.
    """
    contents = files.read()
    return grpc.ssl_server_certificate_configuration(
        [(contents.key, contents.certificate)], root_certificates=contents.client_ca
    )
