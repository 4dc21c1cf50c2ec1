"""The server's certificate, from files that may be replaced while the server runs."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from translate_svc.errors import InvalidArgument

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = b"PRIVATE KEY-----"
_Stamp = tuple[tuple[int, int, int], ...]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files.

    Attributes:
        certificate: the server's certificate chain: its own certificate first, then the intermediate ones.
        key: its private key, not encrypted.
        client_ca: the authorities of client certificates. If set, clients without a certificate of these are
            refused (mTLS).
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


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
        self._stamp = self._read_stamp()
        self.current = load(files)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """The certificate if the files have changed, otherwise None."""
        try:
            stamp = self._read_stamp()
            if stamp == self._stamp:
                return None
            self._stamp = stamp
            self.current = load(self._files)
        except InvalidArgument as error:
            _log.error("%s; the certificate read before stays in use", error)
            return None
        _log.info("the certificate was read again")
        return self.current

    def _read_stamp(self) -> _Stamp:
        """A value that changes with every change of a file, also if a symbolic link gets another target."""
        stamps = []
        for path in (self._files.certificate, self._files.key, self._files.client_ca):
            try:
                status = path.stat() if path is not None else None
            except OSError:
                status = None
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino) if status else (0, 0, 0))
        return tuple(stamps)


def load(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    """The contents of the files, after a check that they are usable and belong together.

    Raises:
        InvalidArgument: they are not. The field is ``tls_certificate``, ``tls_key`` or ``tls_client_ca``.
    """
    certificate = _read(files.certificate, "tls_certificate", _CERTIFICATE, "certificate")
    key = _read(files.key, "tls_key", _KEY, "private key")
    _check("tls_certificate", lambda context: context.load_verify_locations(cadata=certificate.decode()))
    _check("tls_key", lambda context: context.load_cert_chain(files.certificate, files.key, password=""))
    client_ca: bytes | None = None
    if files.client_ca is not None:
        client_ca = authorities = _read(files.client_ca, "tls_client_ca", _CERTIFICATE, "certificate")
        _check("tls_client_ca", lambda context: context.load_verify_locations(cadata=authorities.decode()))
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)


def _read(path: Path, field: str, marker: bytes, kind: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror}", field=field) from None
    if marker not in content or not content.isascii():
        raise InvalidArgument(f"holds no PEM {kind}", field=field)
    return content


def _check(field: str, use: Callable[[ssl.SSLContext], None]) -> None:
    """Checks a file with OpenSSL. gRPC would report the problem only as a failed handshake of a client."""
    try:
        use(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        problem = "does not belong to tls_certificate" if mismatch else "is damaged or encrypted"
        raise InvalidArgument(problem, field=field) from None
    except OSError as error:  # the file was removed meanwhile
        raise InvalidArgument(f"cannot be read: {error.strerror}", field=field) from None
