"""Credentials of a channel, from PEM files."""

from __future__ import annotations

from pathlib import Path

import grpc

from translate_svc.errors import InvalidArgument

_MARKERS = {
    "tls_ca": (b"-----BEGIN CERTIFICATE-----", "certificate"),
    "tls_certificate": (b"-----BEGIN CERTIFICATE-----", "certificate"),
    "tls_key": (b"PRIVATE KEY-----", "private key"),
}


def tls_credentials(
    *,
    ca: str | Path | None = None,
    certificate: str | Path | None = None,
    key: str | Path | None = None,
) -> grpc.ChannelCredentials:
    """For ``ClientOptions.credentials``.

    Args:
        ca: the certificate authorities to trust; None: those that gRPC includes.
        certificate: the client's certificate chain, for a server that requires one (mTLS); needs ``key``.
        key: its private key, not encrypted.

    Raises:
        InvalidArgument: a file cannot be read or has no such PEM block, or one of the pair is missing. The
            field is ``tls_ca``, ``tls_certificate`` or ``tls_key``.
    """
    if (certificate is None) != (key is None):
        missing, given = ("tls_key", "tls_certificate") if key is None else ("tls_certificate", "tls_key")
        raise InvalidArgument(f"needs {missing}", field=given)
    return grpc.ssl_channel_credentials(
        root_certificates=_read(ca, "tls_ca"),
        private_key=_read(key, "tls_key"),
        certificate_chain=_read(certificate, "tls_certificate"),
    )


def _read(path: str | Path | None, field: str) -> bytes | None:
    if path is None:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror}", field=field) from None
    marker, kind = _MARKERS[field]
    if marker not in content:
        raise InvalidArgument(f"holds no PEM {kind}", field=field)
    return content
